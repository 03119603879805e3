#include "ops/cli/verify/heads.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "schemas/envelope.h"

namespace parley::verify {

std::expected<Heads, std::string> Heads::open(const std::string& scratch) {
  std::string path = scratch + "/parley-verify-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return std::unexpected(scratch + ": " + std::strerror(errno));
  store::Memory memory{store::Memory::Budget{}};
  auto store = store::Store::open(path + "/heads", memory);
  if (!store) return std::unexpected(std::move(store.error()));
  return Heads(std::move(path), std::move(memory), std::move(*store));
}

Heads::Heads(std::string path, store::Memory memory, store::Store store)
    : path_(std::move(path)), memory_(std::move(memory)), store_(std::move(store)) {}

Heads::~Heads() {
  if (!store_ || path_.empty()) return;
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Heads::Head& Heads::at(std::string_view subject) {
  std::string key(subject);
  if (const auto found = recent_.find(key); found != recent_.end()) return found->second;
  if (recent_.size() >= kInMemoryMax) spill();
  Head head{.hash = std::string(schema::kHashBytes, '\0')};
  if (const auto kept = store_->get(key)) {
    head.hash = kept->substr(0, schema::kHashBytes);
    std::memcpy(&head.version, kept->data() + schema::kHashBytes, sizeof head.version);
  } else {
    ++count_;
  }
  return recent_.emplace(std::move(key), std::move(head)).first->second;
}

void Heads::spill() {
  store::Batch batch;
  for (const auto& [subject, head] : recent_) {
    std::string value = head.hash;
    value.append(reinterpret_cast<const char*>(&head.version), sizeof head.version);  // read by this process alone
    batch.put(subject, value);
  }
  store_->write(std::move(batch));
  recent_.clear();
}

}  // namespace parley::verify
