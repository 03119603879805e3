#pragma once
// The base of a context's rows where a stream has one row of a table (projections/contexts/*.cc).
#include <string_view>
#include <unordered_map>
#include <variant>

#include "projections/context_rows.h"
#include "projections/rows.h"

namespace parley::projections {

/// A row's columns as audits show them. What is absent is left out.
template <class Row>
ShownRow shown_row(const Row& row, schema::Disclosure disclosure) {
  ShownRow out;
  each_column<Row>([&]<class C>(const C& c, std::size_t) {
    json::Writer w;
    const auto& member = row.*C::member;
    if constexpr (schema::is_optional<MemberOf<Row, C>>) {
      if (!member) return;
      schema::write_disclosed(w, *member, disclosure);
    } else {
      schema::write_disclosed(w, member, disclosure);
    }
    out.emplace_back(c.name, w.take());
  });
  return out;
}

/// `Derived` has on(const E&, const Position&) for each event of the variant: one that has none does not compile.
template <class Variant, class Row, class Derived>
class StreamRows : public ContextRows {
 public:
  void project(const Event& event, const Position& position) override {
    std::visit([&](const auto& e) { static_cast<Derived&>(*this).on(e, position); }, event.get<Variant>());
  }
  void touch(const Position& position, bool is_of_parking) override { touched(rows_, position, is_of_parking); }
  postgres::Result<void> write(postgres::Transaction& t) const override { return projections::write(t, rows_); }
  postgres::Result<void> pass(postgres::Transaction& t, std::int64_t id, std::int64_t version) const override {
    return internal::pass(t, table<Row>, id, version);
  }
  std::shared_ptr<const void> row(std::int64_t id, const std::type_info& type) const override {
    if (type != typeid(Row)) return nullptr;
    const auto found = find(id);
    return found ? std::make_shared<const Row>(*found) : nullptr;
  }
  ShownRows shown(std::int64_t id, schema::Disclosure disclosure) const override {
    ShownRows out;
    if (const auto found = find(id)) out.row = shown_row(*found, disclosure);
    return out;
  }

 protected:
  std::optional<Row> find(std::int64_t id) const {
    const auto found = rows_.find(id);
    if (found == rows_.end() || !found->second.created) return std::nullopt;
    return row_of(id, found->second);
  }
  RowChange<Row>& moved(const Position& position) { return projections::moved(rows_, position); }
  RowChange<Row>& created(const Position& position) { return projections::created(rows_, position); }

 private:
  RowChanges<Row> rows_;
};

}  // namespace parley::projections
