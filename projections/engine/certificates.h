#pragma once
// What a rebuild of the read models found: kept in the table `certificates`, printed by `parley rebuild`.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/kernel.h"
#include "platform/postgres/pool.h"
#include "schemas/fields.h"

namespace parley::projections {

enum class Outcome : std::uint8_t {
  switched,  ///< The rebuilt tables have taken the place of the old ones.
  equal,     ///< They are the same; nothing was to be switched.
  differs,   ///< Nothing was switched.
  parked,    ///< A stream stands still: nothing can be said about its rows, and nothing was switched.
  failed,    ///< Nothing was switched.
};
enum class Found : std::uint8_t { differs, only_in_old, only_in_rebuilt };

/// One certificate. Values of rows are not in it, only their keys.
struct Certificate {
  struct Place {
    std::int64_t partition = 0;
    std::int64_t next = 0;  ///< The first offset that is not reflected.
  };
  struct Table {
    std::string name;
    std::int64_t rows = 0;
    std::int64_t rebuilt_rows = 0;
    std::string digest;  ///< 64 hexadecimal digits, whatever the order of the rows.
    std::string rebuilt_digest;
  };
  struct Difference {
    std::string table;
    std::string key;  ///< "dialog_id=7 version=3"
    Found found{};
    std::vector<std::string> columns;  ///< In which it differs.
  };
  struct Parked {
    std::string stream;
    std::int64_t version = 0;
    std::string reason;
    bool in_rebuilt = false;  ///< In the rebuilt tables, not in the old ones.
  };

  std::string id;  ///< When it began, in digits.
  std::string projection;
  Outcome outcome = Outcome::failed;
  Timestamp started;
  Timestamp finished;
  std::optional<std::string> reason;    ///< Why it failed.
  std::optional<std::string> accepted;  ///< Why it was switched in spite of differences.
  std::optional<std::string> topic_id;  ///< Of the log.
  std::string migration;                ///< The last one of the program that folded.
  std::vector<Place> checkpoints;       ///< To which both sides are folded.
  std::vector<Table> tables;
  std::vector<Difference> differences;  ///< The first ones.
  std::vector<Parked> parked;
  std::int64_t events = 0;  ///< That were folded to the checkpoints.
  double seconds = 0;       ///< That this took.
  double compare_seconds = 0;
  double writers_held_ms = 0;  ///< By the switch: the projector,
  double readers_held_ms = 0;  ///< and reads.
  std::vector<std::string> notes;
};

postgres::Result<void> keep(postgres::Reader& reader, const Certificate& certificate);
/// The newest first, at most `limit`. One that this program cannot read is left out.
postgres::Result<std::vector<Certificate>> certificates(postgres::Reader& reader, std::int64_t limit);

}  // namespace parley::projections

namespace parley::schema {

template <>
inline constexpr auto names<projections::Outcome> = std::to_array<std::pair<projections::Outcome, std::string_view>>({
    {projections::Outcome::switched, "switched"},
    {projections::Outcome::equal, "equal"},
    {projections::Outcome::differs, "differs"},
    {projections::Outcome::parked, "parked"},
    {projections::Outcome::failed, "failed"},
});
template <>
inline constexpr auto names<projections::Found> = std::to_array<std::pair<projections::Found, std::string_view>>({
    {projections::Found::differs, "differs"},
    {projections::Found::only_in_old, "only_in_old"},
    {projections::Found::only_in_rebuilt, "only_in_rebuilt"},
});
template <>
inline constexpr auto fields<projections::Certificate::Place> =
    std::tuple{field("partition", &projections::Certificate::Place::partition),
               field("next", &projections::Certificate::Place::next)};
template <>
inline constexpr auto fields<projections::Certificate::Table> = std::tuple{
    field("name", &projections::Certificate::Table::name),
    field("rows", &projections::Certificate::Table::rows),
    field("rebuilt_rows", &projections::Certificate::Table::rebuilt_rows),
    field("digest", &projections::Certificate::Table::digest),
    field("rebuilt_digest", &projections::Certificate::Table::rebuilt_digest),
};
template <>
inline constexpr auto fields<projections::Certificate::Difference> = std::tuple{
    field("table", &projections::Certificate::Difference::table),
    field("key", &projections::Certificate::Difference::key),
    field("found", &projections::Certificate::Difference::found),
    field("columns", &projections::Certificate::Difference::columns),
};
template <>
inline constexpr auto fields<projections::Certificate::Parked> = std::tuple{
    field("stream", &projections::Certificate::Parked::stream),
    field("version", &projections::Certificate::Parked::version),
    field("reason", &projections::Certificate::Parked::reason),
    field("in_rebuilt", &projections::Certificate::Parked::in_rebuilt),
};
template <>
inline constexpr auto fields<projections::Certificate> = std::tuple{
    field("id", &projections::Certificate::id),
    field("projection", &projections::Certificate::projection),
    field("outcome", &projections::Certificate::outcome),
    field("started", &projections::Certificate::started),
    field("finished", &projections::Certificate::finished),
    field("reason", &projections::Certificate::reason),
    field("accepted", &projections::Certificate::accepted),
    field("topic_id", &projections::Certificate::topic_id),
    field("migration", &projections::Certificate::migration),
    field("checkpoints", &projections::Certificate::checkpoints),
    field("tables", &projections::Certificate::tables),
    field("differences", &projections::Certificate::differences),
    field("parked", &projections::Certificate::parked),
    field("events", &projections::Certificate::events),
    field("seconds", &projections::Certificate::seconds),
    field("compare_seconds", &projections::Certificate::compare_seconds),
    field("writers_held_ms", &projections::Certificate::writers_held_ms),
    field("readers_held_ms", &projections::Certificate::readers_held_ms),
    field("notes", &projections::Certificate::notes),
};

}  // namespace parley::schema
