#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/pool.h"
#include "projections/context_rows.h"
#include "projections/event_index.h"
#include "projections/position.h"
#include "schemas/envelope.h"

namespace parley::projections {

/// A run of events, in the order of their partitions, folded into the rows that they change: however many events of a
/// stream it holds, its row is written once, and each table with one statement (two where rows are created and
/// changed). Not thread-safe.
class Batch {
 public:
  /// Projects one record of parley.events. An event of a type that this program does not know advances its stream's row
  /// and stands in the event index. An error says why the event cannot be applied (and names it, without its data); the
  /// batch is then worth nothing.
  std::expected<void, std::string> add(const schema::Envelope& envelope, std::string_view value, std::int32_t partition,
                                       std::int64_t offset);

  /// Puts the event into the event index and nowhere else. False when its subject names no stream.
  bool note(const schema::Envelope& envelope, std::int32_t partition, std::int64_t offset);

  /// Writes everything into the transaction, which the caller commits together with the checkpoints. `rejected` and
  /// about a row when the tables are not where these events go on, or refuse what they say; parking.h finds out which
  /// one it is.
  postgres::Result<void> write(postgres::Transaction& transaction) const;

  std::size_t events() const { return index_.size(); }

  /// What is folded so far of a kind of stream, for whoever reads it in memory instead of writing it; nullptr when
  /// there is nothing.
  const ContextRows* rows(Kind kind) const;

 private:
  struct Subject;
  static std::optional<Subject> parse_subject(std::string_view text);
  void note(const schema::Envelope& envelope, const Subject& subject, std::int32_t partition, std::int64_t offset);
  ContextRows& rows_for(Kind kind);

  std::map<Kind, std::unique_ptr<ContextRows>>
      rows_;  ///< In the order of the contexts' list, in which they are written.
  std::vector<IndexEntry> index_;
};

}  // namespace parley::projections
