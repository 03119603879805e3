#include "ops/simulators/faults.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "api/http/url.h"

namespace parley::simulators {
namespace {

struct Named {
  FaultKind kind;
  std::string_view name;
  bool acts;
};
constexpr std::array<Named, 9> kKinds{{
    {FaultKind::refuse, "refuse", false},
    {FaultKind::hang, "hang", false},
    {FaultKind::error, "error", false},
    {FaultKind::too_many, "too_many", false},
    {FaultKind::delay, "delay", true},
    {FaultKind::break_off, "break_off", true},
    {FaultKind::answer_twice, "answer_twice", true},
    {FaultKind::lose_answer, "lose_answer", true},
    {FaultKind::act_and_hang, "act_and_hang", true},
}};
constexpr int kNumberMax = 1'000'000;

const Named& named(FaultKind kind) { return *std::ranges::find(kKinds, kind, &Named::kind); }

std::expected<int, std::string> number(std::string_view name, std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return std::unexpected(std::string(name) + " is a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most));
  return value;
}

/// SplitMix64's finaliser: every bit of the outcome depends on every bit of the input.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

}  // namespace

std::string_view name(FaultKind kind) { return named(kind).name; }
bool acts(FaultKind kind) { return named(kind).acts; }

std::expected<Fault, std::string> Fault::parse(std::string_view query) {
  const auto parameters = http::parse_query(query);
  if (!parameters) return std::unexpected("a fault is written as a query: kind=error&times=2");
  return read(*parameters);
}

std::expected<Fault, std::string> Fault::read(const http::Parameters& parameters) {
  Fault fault;
  bool has_kind = false;
  const auto take = [](auto& into, const std::expected<int, std::string>& value) -> std::expected<void, std::string> {
    if (!value) return std::unexpected(value.error());
    into = std::remove_reference_t<decltype(into)>(*value);
    return {};
  };
  for (const auto& [key, value] : parameters) {
    std::expected<void, std::string> taken;
    if (key == "kind") {
      const auto kind = std::ranges::find(kKinds, std::string_view(value), &Named::name);
      if (kind == kKinds.end()) return std::unexpected("kind " + value + " is unknown");
      fault.kind = kind->kind;
      has_kind = true;
    } else if (key == "route") {
      fault.route = value;
    } else if (key == "after") {
      taken = take(fault.after, number(key, value, 0, kNumberMax));
    } else if (key == "times") {
      taken = take(fault.times, number(key, value, 0, kNumberMax));
    } else if (key == "percent") {
      taken = take(fault.percent, number(key, value, 0, 100));
    } else if (key == "status") {
      taken = take(fault.status, number(key, value, 400, 599));
    } else if (key == "delay_ms") {
      taken = take(fault.delay, number(key, value, 0, kNumberMax));
    } else if (key == "retry_after_s") {
      taken = take(fault.retry_after, number(key, value, 0, kNumberMax));
    } else {
      return std::unexpected(key + " is unknown");
    }
    if (!taken) return std::unexpected(taken.error());
  }
  if (!has_kind) return std::unexpected("kind is required");
  return fault;
}

std::string Fault::text() const {
  std::string text = "kind=" + std::string(name(kind));
  if (!route.empty()) text += "&route=" + route;
  const auto add = [&](std::string_view key, auto value, auto default_value) {
    if (value != default_value) text.append("&").append(key).append("=").append(std::to_string(value));
  };
  const Fault defaults;
  add("after", after, defaults.after);
  add("times", times, defaults.times);
  add("percent", percent, defaults.percent);
  add("status", status, defaults.status);
  add("delay_ms", delay.count(), defaults.delay.count());
  add("retry_after_s", retry_after.count(), defaults.retry_after.count());
  return text;
}

void Faults::add(Fault fault) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({.fault = std::move(fault), .number = added_++});
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

std::vector<Fault> Faults::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Fault> all;
  all.reserve(rules_.size());
  for (const auto& rule : rules_) all.push_back(rule.fault);
  return all;
}

std::optional<Fault> Faults::befalling(std::string_view route) {
  const std::lock_guard lock(mutex_);
  std::optional<Fault> found;
  for (auto& [fault, number, seen, used] : rules_) {
    if (!fault.route.empty() && fault.route != route) continue;
    const auto turn = seen++;  // of every rule, so that none depends on what the others do
    if (found || turn < static_cast<std::uint64_t>(fault.after) || (fault.times != 0 && used == fault.times)) continue;
    if (mixed(mixed(seed_ ^ mixed(number)) ^ turn) % 100 >= static_cast<std::uint64_t>(fault.percent)) continue;
    ++used;
    found = fault;
  }
  return found;
}

}  // namespace parley::simulators
