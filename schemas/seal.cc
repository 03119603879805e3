#include "schemas/seal.h"

#include "schemas/envelope.h"

namespace parley::schema {
namespace {
constexpr std::string_view kVersion = "parley.seal.v1";
}

std::string digest_input(std::string_view previous_digest_bytes, const StoredRecord& record) {
  std::string bytes(kVersion);
  bytes.reserve(bytes.size() + kDigestBytes + 1'000 + record.value.size());
  bytes += previous_digest_bytes;
  append_part(bytes, record.key);
  for (const auto& [name, value] : record.headers) {
    append_part(bytes, name);
    append_part(bytes, value);
  }
  append_part(bytes, record.value);
  return bytes;
}

std::string signed_text(int partition, const seals::PartitionSealed& seal) {
  return std::string(kVersion) + "\n" + std::to_string(partition) + "\n" + std::to_string(seal.events) + "\n" +
         seal.digest;
}

}  // namespace parley::schema
