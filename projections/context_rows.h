#pragma once
// The rows of one context in a batch, whatever they are: what the engine (batch, parking, folds in memory) handles.
// Each context with streams has its own in projections/contexts/<context>.cc.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "domain/model.h"
#include "platform/postgres/pool.h"
#include "projections/position.h"
#include "schemas/disclosed.h"

namespace parley::projections {

/// A row as audits show it: its columns' names, and their values as JSON.
using ShownRow = std::vector<std::pair<std::string_view, std::string>>;
/// Of one stream: its row, and the rows of its parts by the name of what they are.
struct ShownRows {
  std::optional<ShownRow> row;
  std::vector<std::pair<std::string_view, std::vector<ShownRow>>> parts;
};

/// Not thread-safe.
class ContextRows {
 public:
  virtual ~ContextRows() = default;

  /// The event is of this context. Each event type has its place: one that no row tells of is named as such, or does
  /// not compile.
  virtual void project(const Event& event, const Position& position) = 0;
  /// An event of parking, or of a type that this program does not know: it moves the row's version.
  virtual void touch(const Position& position, bool is_of_parking) = 0;
  /// One statement a table, two where rows are created and changed.
  virtual postgres::Result<void> write(postgres::Transaction& transaction) const = 0;
  /// Passes the stream's row to that version, for an event that is left out.
  virtual postgres::Result<void> pass(postgres::Transaction& transaction, std::int64_t id,
                                      std::int64_t version) const = 0;

  /// Of a stream that was folded from its first event on. `row` is a Row of the context's; nullptr where the stream has
  /// none of that type.
  virtual std::shared_ptr<const void> row(std::int64_t id, const std::type_info& type) const = 0;
  virtual ShownRows shown(std::int64_t id, schema::Disclosure disclosure) const = 0;
};

/// The rows of a kind of stream, empty.
std::unique_ptr<ContextRows> rows_of(Kind kind);

}  // namespace parley::projections
