#include "projections/engine/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace parley::projections {

namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

/// What is written beside the rows: compared in its own way, or not at all.
constexpr auto kNotFolded =
    std::to_array<std::string_view>({"certificates", "checkpoints", "migrations", "parked_events", "parked_streams"});
/// Rows whose columns' hashes are in memory at a time, if a single bucket does not hold more.
constexpr std::int64_t kRowsAtOnce = 50'000;

std::string list(const std::vector<std::string>& columns, std::string_view before, std::string_view after) {
  std::string text;
  for (const auto& column : columns) {
    if (!text.empty()) text += ", ";
    text.append(before).append(postgres::identifier(column)).append(after);
  }
  return text;
}
std::string bucket_of(const FoldedTable& table) {
  return fmt::format("(hashtextextended(ROW({})::text, 0) & 1023)::integer", list(table.key, "", ""));
}

std::string literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted += '\'';
}

/// A hash of each column's value, by the row's key.
using Hashes = std::map<std::string, std::vector<std::string>>;

Result<Hashes> hashes(Reader& reader, const FoldedTable& table, const std::vector<std::int32_t>& buckets) {
  postgres::Column wanted;
  for (const auto bucket : buckets) wanted.add(bucket);
  std::string key;
  for (const auto& column : table.key) {
    if (!key.empty()) key += " || ' ' || ";
    key += fmt::format("{} || {}::text", literal(column + "="), postgres::identifier(column));
  }
  const auto rows = reader.query(fmt::format("SELECT {}, ARRAY[{}] FROM {} WHERE {} = ANY ($1::integer[])", key,
                                             list(table.columns, "coalesce(md5(", "::text), 'null')"),
                                             postgres::identifier(table.name), bucket_of(table)),
                                 Params(wanted));
  if (!rows) return std::unexpected(rows.error());
  Hashes found;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    std::string name;
    std::vector<std::string> columns;
    (*rows)[i].into(name, columns);
    found.emplace(std::move(name), std::move(columns));
  }
  return found;
}

void compare(const Hashes& old, const Hashes& rebuilt, const FoldedTable& table, std::size_t limit,
             std::vector<Certificate::Difference>& out) {
  for (const auto& [key, columns] : old) {
    if (out.size() == limit) return;
    const auto other = rebuilt.find(key);
    if (other == rebuilt.end()) {
      out.push_back({table.name, key, Found::only_in_old, {}});
    } else if (columns != other->second) {
      Certificate::Difference difference{table.name, key, Found::differs, {}};
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i] != other->second[i]) difference.columns.push_back(table.columns[i]);
      }
      out.push_back(std::move(difference));
    }
  }
  for (const auto& [key, columns] : rebuilt) {
    if (out.size() == limit) return;
    if (!old.contains(key)) out.push_back({table.name, key, Found::only_in_rebuilt, {}});
  }
}

}  // namespace

Result<std::vector<FoldedTable>> folded_tables(Reader& reader) {
  postgres::Column others;
  for (const auto name : kNotFolded) others.add(name);
  const auto rows = reader.query(
      "SELECT c.relname::text,"
      " (SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_index i, unnest(i.indkey::smallint[]) WITH "
      "ORDINALITY AS k (number, place),"
      "   pg_attribute a WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number),"
      " (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum "
      "> 0 AND NOT a.attisdropped)"
      " FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT "
      "c.relispartition"
      " AND c.relname::text <> ALL ($1::text[]) ORDER BY 1",
      Params(others));
  if (!rows) return std::unexpected(rows.error());
  std::vector<FoldedTable> found(rows->size());
  for (std::size_t i = 0; i < found.size(); ++i) (*rows)[i].into(found[i].name, found[i].key, found[i].columns);
  return found;
}

Result<Digest> digest(Reader& reader, const FoldedTable& table) {
  // XOR forgets the order; no row is there twice, for each has its key.
  const auto rows =
      reader.query(fmt::format("SELECT bucket, count(*), bit_xor(bits)::text FROM (SELECT {} AS bucket, ('x' || "
                               "encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex'))::bit(256) AS bits FROM {}) "
                               "AS hashed GROUP BY GROUPING SETS ((bucket), ())",
                               bucket_of(table), list(table.columns, "", ""), postgres::identifier(table.name)));
  if (!rows) return std::unexpected(rows.error());
  Digest made;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    std::optional<std::int32_t> bucket;
    Digest::Part part;
    std::optional<std::string> bits;
    (*rows)[i].into(bucket, part.rows, bits);
    part.bits = bits.value_or("");
    (bucket ? made.buckets[*bucket] : made.whole) = std::move(part);
  }
  return made;
}

std::string hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i + 4 <= digest.whole.bits.size(); i += 4) {
    std::size_t digit = 0;
    for (const char bit : std::string_view(digest.whole.bits).substr(i, 4)) digit = digit * 2 + (bit == '1' ? 1 : 0);
    text += kDigits[digit];
  }
  return text;
}

Result<std::vector<Certificate::Difference>> differences(Reader& old, const Digest& old_digest, Reader& rebuilt,
                                                         const Digest& rebuilt_digest, const FoldedTable& table,
                                                         std::size_t limit) {
  std::map<std::int32_t, std::int64_t> rows_of;  // of the buckets that differ
  for (const auto* digest : {&old_digest, &rebuilt_digest}) {
    for (const auto& [bucket, part] : digest->buckets) {
      const auto mine = old_digest.buckets.find(bucket), other = rebuilt_digest.buckets.find(bucket);
      if (mine != old_digest.buckets.end() && other != rebuilt_digest.buckets.end() && mine->second == other->second)
        continue;
      rows_of[bucket] += part.rows;
    }
  }
  std::vector<Certificate::Difference> out;
  for (auto at = rows_of.begin(); at != rows_of.end() && out.size() < limit;) {
    std::vector<std::int32_t> buckets;
    for (std::int64_t rows = 0; at != rows_of.end() && (buckets.empty() || rows + at->second <= kRowsAtOnce); ++at) {
      buckets.push_back(at->first);
      rows += at->second;
    }
    const auto mine = hashes(old, table, buckets);
    if (!mine) return std::unexpected(mine.error());
    const auto others = hashes(rebuilt, table, buckets);
    if (!others) return std::unexpected(others.error());
    compare(*mine, *others, table, limit, out);
  }
  return out;
}

}  // namespace parley::projections
