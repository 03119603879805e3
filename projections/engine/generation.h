#pragma once
// Generations of the read models: schemas with the same tables, of which one is current, because it has the name that
// every session's search_path names. Another one takes its place by a change of names in one transaction; docs/adr/0011
// says what makes that safe. Both halves of it are here: how several reads stay within one generation, and the switch.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/pool.h"

namespace parley::projections {

/// Several reads that see one state of one generation: a switch waits for it or is seen as a whole.
postgres::Result<postgres::Snapshot> snapshot(postgres::Lease& lease);

/// Rows of the current generation are added to by others; whoever replaces it is alone. False: somebody else does. Held
/// until the connection closes.
postgres::Result<bool> reserve(postgres::Lease& lease);
/// Why the current generation cannot be replaced by this role, or not without losing something that no migration made;
/// nothing when it can. `other`: a generation as the migrations make it.
postgres::Result<std::optional<std::string>> why_not_replaceable(postgres::Reader& reader, std::string_view other);

enum class Role : std::uint8_t {
  green,  ///< Being made.
  old,    ///< Was current.
};
/// Of a generation that is not current: "parley_green_20261121201500123". `id`: 17 digits.
std::string generation_name(std::string_view current, Role role, std::string_view id);
/// All that have such names.
postgres::Result<std::vector<std::string>> other_generations(postgres::Reader& reader);
postgres::Result<bool> is_there(postgres::Reader& reader, std::string_view name);
/// What others may do with the current generation's tables they may do with the other one's.
postgres::Result<void> grant_the_same(postgres::Lease& lease, std::string_view other);
/// Drops it, a table after the other, up to one upon which something outside depends, or which somebody uses for longer
/// than `wait_max`.
postgres::Result<void> drop_generation(postgres::Lease& lease, std::string_view name,
                                       std::chrono::milliseconds wait_max);

/// How many offsets (control records among them) the other generation is behind the current one, all partitions
/// together.
postgres::Result<std::int64_t> behind(postgres::Reader& reader, std::string_view other);

// The switch: one transaction of a session of the current generation, in this order.

/// No table is vacuumed or gets an index any more, which nobody notices. `timeout` when that does not end in time: wait
/// longer than the server's deadlock_timeout, after which an automatic vacuum gives way.
postgres::Result<void> hold_maintenance(postgres::Transaction& transaction, std::chrono::milliseconds wait_max);
/// Nobody moves a checkpoint any more, and so nobody writes. `timeout` when the transactions under way do not end in
/// time.
postgres::Result<void> hold_writers(postgres::Transaction& transaction, std::chrono::milliseconds wait_max);
/// Something that forbids it now: a stream is parked on one of the sides, or one was migrated meanwhile.
postgres::Result<std::optional<std::string>> why_not_switch(postgres::Transaction& transaction, std::string_view other);
/// No statement that has to do with the current generation is under way any more, and none begins. `timeout` as above,
/// for all tables together.
postgres::Result<void> hold_readers(postgres::Transaction& transaction, std::chrono::milliseconds wait_max);
/// The other one is current, and the current one is called `old`, as soon as the transaction is committed; listeners
/// are told to read the checkpoints. Certificates go with the name.
postgres::Result<void> switch_to(postgres::Transaction& transaction, std::string_view other, std::string_view old);

/// Who holds up whoever wants to lock the current generation's tables: "psql (pid 4711)", a few of them.
postgres::Result<std::vector<std::string>> holders(postgres::Reader& reader);

}  // namespace parley::projections
