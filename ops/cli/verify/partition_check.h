#pragma once
// One partition of the events, checked record by record.
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "domain/kernel.h"
#include "ops/cli/verify/heads.h"
#include "platform/crypto/signing.h"
#include "schemas/seal.h"

namespace parley::verify {

/// The first record of a partition that does not fit, or what is not there.
struct Fault {
  std::int64_t offset = 0;   ///< -1: of no record.
  std::string stream;        ///< As the record says; empty when it says nothing.
  std::int64_t version = 0;  ///< The same.
  std::string what;
};

/// A seal that stands in the log.
struct SealAt {
  std::int64_t version = 0;  ///< Of the partition's seals: how many there are.
  std::int64_t events = 0;   ///< Before it.
  std::string digest;        ///< 64 hexadecimal digits.
};

struct CheckOptions {
  int partition = 0;
  int partitions = 0;
  const crypto::PublicKeys* keys = nullptr;  ///< Signatures are checked when there are some.
  const std::set<std::string, std::less<>>* streams =
      nullptr;                        ///< The chains of these alone; seals are checked in any case.
  std::optional<SealAt> anchor = {};  ///< Must stand in the log.
};

/// Reads a partition from its first event on, up to the first fault; what comes after is not looked at, because
/// everything after a wrong link is wrong.
class PartitionCheck {
 public:
  /// Everything that is pointed to, and `heads`, must outlive this.
  PartitionCheck(CheckOptions options, Heads& heads);

  void next(const schema::StoredRecord& record, std::int64_t offset);
  /// After the last record.
  void end();

  const std::optional<Fault>& fault() const { return fault_; }
  std::int64_t events() const { return events_; }
  /// Of the events: behind no seal.
  std::int64_t unsealed() const { return events_ - sealed_; }
  /// The time of the first of them.
  std::optional<Timestamp> unsealed_since() const { return unsealed() > 0 ? unsealed_since_ : std::nullopt; }
  const std::optional<SealAt>& last_seal() const { return last_seal_; }

 private:
  std::optional<std::string> check(const schema::StoredRecord& record, Fault& about);
  std::optional<std::string> check_seal(const schema::StoredRecord& record, std::int64_t version);

  const CheckOptions options_;
  Heads& heads_;
  std::optional<Fault> fault_;
  std::int64_t events_ = 0;
  std::int64_t sealed_ = 0;
  std::string digest_ = std::string(schema::kDigestBytes, '\0');
  std::optional<Timestamp> last_time_;
  std::optional<Timestamp> unsealed_since_;
  std::optional<SealAt> last_seal_;
  bool anchored_ = false;
};

}  // namespace parley::verify
