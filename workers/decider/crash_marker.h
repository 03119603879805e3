#pragma once
// Remembers, over the death of a process, which command it was deciding.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

namespace parley::decider {

/// A small file, mapped into memory: noting a command costs nanoseconds and no system call, and what was noted outlives
/// the process however it ends (not the machine: nothing is synced, and a machine that stops has not been stopped by a
/// command). One thread; one process at a time.
class CrashMarker {
 public:
  /// The command at which this instance last died while it decided, and how often it has died deciding since it got
  /// past such a command.
  struct Suspect {
    int partition = 0;
    std::int64_t offset = 0;
    int crashes = 0;
    friend bool operator==(const Suspect&, const Suspect&) = default;
  };

  /// Opens or creates the file, whose folder must be there. A process that died between deciding() and the end of its
  /// scope is counted now. The error says why there can be no file.
  static std::expected<CrashMarker, std::string> open(const std::string& path);
  CrashMarker(CrashMarker&& other) noexcept;
  CrashMarker& operator=(CrashMarker&&) = delete;
  ~CrashMarker();

  const std::optional<Suspect>& suspect() const { return suspect_; }

  /// The command is being decided for as long as this lives; leaving by an exception is an end like any other.
  class Scope {
   public:
    explicit Scope(CrashMarker& marker) : marker_(marker) {}
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CrashMarker& marker_;
  };
  [[nodiscard]] Scope deciding(int partition, std::int64_t offset);

  /// What stands before `next` is decided and committed.
  void passed(int partition, std::int64_t next);

 private:
  struct Page;
  explicit CrashMarker(Page* page);

  Page* page_;
  std::optional<Suspect> suspect_;
};

}  // namespace parley::decider
