#include "platform/log/log.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <ctime>
#include <utility>

#include "domain/kernel.h"
#include "platform/text/printable.h"

namespace parley::log {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};

std::string role_name;
std::string instance_name;
std::atomic<Level> level_min{Level::info};

using Json = rapidjson::Writer<rapidjson::StringBuffer>;
void put(Json& w, std::string_view text) { w.String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
/// A text from anywhere: bytes of it that are not UTF-8 would make the line no JSON.
void put_any(Json& w, std::string_view text) {
  const bool is_ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  is_ascii ? put(w, text) : put(w, text::valid_utf8(text));
}
void put_key(Json& w, std::string_view text) { w.Key(text.data(), static_cast<rapidjson::SizeType>(text.size())); }

/// A line's time is most of its cost, and lines of one second share all of it but the milliseconds.
void put_now(Json& w) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  thread_local std::time_t second = -1;
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  if (second != now.tv_sec) {
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    second = now.tv_sec;
  }
  auto milli = now.tv_nsec / 1'000'000;
  for (std::size_t at = size - 2; at > size - 5; --at, milli /= 10) text.at(at) = static_cast<char>('0' + milli % 10);
  put(w, {text.data(), size});
}

}  // namespace

std::optional<Level> level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void configure(std::string_view role, std::string_view instance, Level level) {
  role_name = role;
  instance_name = instance;
  level_min = level;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < level_min.load(std::memory_order_relaxed)) return;
  rapidjson::StringBuffer buffer;
  Json w(buffer);
  w.StartObject();
  put_key(w, "time");
  put_now(w);
  put_key(w, "level");
  put(w, kLevels.at(static_cast<std::size_t>(level)));
  put_key(w, "role");
  put(w, role_name);
  put_key(w, "instance");
  put_any(w, instance_name);
  put_key(w, "message");
  put_any(w, message);
  for (const auto& field : fields) {
    put_key(w, field.key);
    std::visit(overloaded{
                   [&](std::string_view v) { put_any(w, v); },
                   [&](std::int64_t v) { w.Int64(v); },
                   [&](double v) { std::isfinite(v) ? w.Double(v) : w.Null(); },
                   [&](bool v) { w.Bool(v); },
               },
               field.value);
  }
  w.EndObject();
  buffer.Put('\n');
  // Logs are read on terminals: no text in them acts there.
  const auto line = text::escaped({buffer.GetString(), buffer.GetSize()});
  // A full pipe or a closed one must not stop the process: what cannot be logged is lost.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace parley::log
