#pragma once
// Whether two schemas hold the same rows: digests that the database computes, and the rows that differ. No values leave
// it.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "platform/postgres/pool.h"
#include "projections/engine/certificates.h"

namespace parley::projections {

/// A table that is a fold of events, as the database describes it.
struct FoldedTable {
  std::string name;
  std::vector<std::string> key;      ///< Its primary key.
  std::vector<std::string> columns;  ///< All of them.
};
/// All of the session's schema. Every table is one, unless it is named beside this function as something else: a new
/// one cannot be forgotten.
postgres::Result<std::vector<FoldedTable>> folded_tables(postgres::Reader& reader);

struct Digest {
  struct Part {
    std::int64_t rows = 0;
    std::string bits;
    friend bool operator==(const Part&, const Part&) = default;
  };
  Part whole;
  std::map<std::int32_t, Part> buckets;  ///< By a hash of the key: what differs is sought in a part of the table.
};
/// Of all rows, whatever their order. One pass over the table.
postgres::Result<Digest> digest(postgres::Reader& reader, const FoldedTable& table);
/// 64 hexadecimal digits; none for an empty table.
std::string hex(const Digest& digest);

/// The first rows that differ, at most `limit`, by bucket and key. `rebuilt` has every column of `table`, `old` perhaps
/// not the same rows.
postgres::Result<std::vector<Certificate::Difference>> differences(postgres::Reader& old, const Digest& old_digest,
                                                                   postgres::Reader& rebuilt,
                                                                   const Digest& rebuilt_digest,
                                                                   const FoldedTable& table, std::size_t limit);

}  // namespace parley::projections
