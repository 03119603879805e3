#include "projections/contexts/dialogs.h"

#include "projections/contexts/stream_rows.h"
#include "schemas/contexts/dialogs.h"

namespace parley::projections {
namespace {

class DialogRows final : public StreamRows<dialogs::Event, DialogRow, DialogRows> {
 public:
  void on(const dialogs::Opened& e, const Position& at) {
    auto& row = created(at);
    row.set<&DialogRow::owner>(e.owner);
    row.set<&DialogRow::assistant>(e.assistant);
    row.set<&DialogRow::platform>(schema::name_of(e.platform));
    row.set<&DialogRow::first_name>(e.first_name);
    row.set<&DialogRow::last_activity_at>(at.at);
    row.set<&DialogRow::created_at>(at.at);
  }
  void on(const dialogs::MessageCreated& e, const Position& at) {
    auto& row = moved(at);
    row.add<&DialogRow::message_count>(1);
    row.set<&DialogRow::last_message>(e.text);
    row.set<&DialogRow::last_message_time>(at.at);
    row.set<&DialogRow::last_activity_at>(at.at);
    messages_.push_back({at.stream.id,
                         {.id = e.message,
                          .version = at.version,
                          .sender = std::string(schema::name_of(e.sender)),
                          .text = e.text,
                          .operator_name = e.operator_name,
                          .created_at = at.at}});
  }
  void on(const dialogs::Archived&, const Position& at) { set_status(dialogs::Status::archived, at); }
  void on(const dialogs::Unarchived&, const Position& at) { set_status(dialogs::Status::active, at); }

  postgres::Result<void> write(postgres::Transaction& t) const override {
    if (auto done = StreamRows::write(t); !done) return done;
    // The owner is the dialog's, whose row is there already: it was written before, or just now. Search finds the
    // owner's messages by it.
    Beside dialog{
        ", dialog_id, owner_id", ", u.beside, d.owner_id", " JOIN dialogs d ON d.id = u.beside", "bigint", {}};
    std::vector<const MessageRow*> rows;
    for (const auto& [id, message] : messages_) {
      rows.push_back(&message);
      dialog.values_of_rows.add(id);
    }
    return insert_rows<MessageRow>(t, rows, &dialog);
  }
  std::shared_ptr<const void> row(std::int64_t id, const std::type_info& type) const override {
    if (type == typeid(std::vector<MessageRow>))
      return std::make_shared<const std::vector<MessageRow>>(messages_of(id));
    return StreamRows::row(id, type);
  }
  ShownRows shown(std::int64_t id, schema::Disclosure disclosure) const override {
    auto out = StreamRows::shown(id, disclosure);
    if (!out.row) return out;
    std::vector<ShownRow> messages;
    for (const auto& message : messages_of(id)) messages.push_back(shown_row(message, disclosure));
    out.parts.emplace_back("messages", std::move(messages));
    return out;
  }

 private:
  void set_status(dialogs::Status status, const Position& at) {
    moved(at).set<&DialogRow::status>(schema::name_of(status));
  }
  std::vector<MessageRow> messages_of(std::int64_t id) const {
    std::vector<MessageRow> out;
    for (const auto& [dialog, message] : messages_) {
      if (dialog == id) out.push_back(message);
    }
    return out;
  }

  std::vector<std::pair<std::int64_t, MessageRow>> messages_;  ///< With their dialogs.
};

}  // namespace

std::unique_ptr<ContextRows> dialogs_rows() { return std::make_unique<DialogRows>(); }

}  // namespace parley::projections
