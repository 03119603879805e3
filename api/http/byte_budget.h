#pragma once
// A bound on what many hold in memory together.
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace parley::http {

/// How many bytes may be held at once. Whoever holds some has a Share; a share that would exceed the bound is refused.
/// Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  std::size_t bytes() const { return bytes_; }

  /// Gives back what it holds when it ends. Keeps the budget alive. One thread at a time.
  class Share {
   public:
    Share() = default;
    /// Without a budget there is no bound.
    explicit Share(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
    Share(Share&& other) noexcept : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_) budget_->bytes_ -= bytes_;
    }

    /// Holds so many bytes instead. False, and nothing changes, when that is more than others leave.
    [[nodiscard]] bool resize(std::size_t bytes) {
      if (!budget_) return true;
      const std::size_t added = bytes - bytes_;  // wraps around when it gets smaller, and so does the sum
      if (budget_->bytes_.fetch_add(added) + added > budget_->bytes_max_ && bytes > bytes_) {
        budget_->bytes_ -= added;
        return false;
      }
      bytes_ = bytes;
      return true;
    }

   private:
    std::shared_ptr<ByteBudget> budget_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace parley::http
