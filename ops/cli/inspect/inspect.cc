#include "ops/cli/inspect/inspect.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <expected>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/text/printable.h"
#include "schemas/directory.h"
#include "schemas/envelope.h"
#include "schemas/events.h"
#include "schemas/json.h"
#include "schemas/replies.h"
#include "workers/decider/partition_store.h"

namespace parley::cli {
namespace {

/// A store, as programs get it.
struct ShownStore {
  std::string store;
  std::optional<std::int64_t> partition;
  std::string log;
  std::string fold_versions;
  std::int64_t next_event = 0;
  std::string last_event_id;
  std::int64_t next_reply = 0;
  std::int64_t last_command = 0;
  std::optional<Timestamp> last_stamp;
  std::int64_t events = 0;
  std::int64_t sealed_events = 0;
  std::string digest;
  std::int64_t bytes = 0;
  std::vector<decider::KeyCount> keys;
  std::vector<schema::ParkedStream> parked;
};
struct ShownStores {
  std::vector<ShownStore> stores;
};

}  // namespace
}  // namespace parley::cli

namespace parley::schema {

template <>
inline constexpr auto fields<decider::KeyCount> =
    std::tuple{field("what", &decider::KeyCount::what), field("keys", &decider::KeyCount::keys),
               field("bytes", &decider::KeyCount::bytes)};
template <>
inline constexpr auto fields<cli::ShownStore> = std::tuple{
    field("store", &cli::ShownStore::store),
    field("partition", &cli::ShownStore::partition),
    field("log", &cli::ShownStore::log),
    field("fold_versions", &cli::ShownStore::fold_versions),
    field("next_event", &cli::ShownStore::next_event),
    field("last_event_id", &cli::ShownStore::last_event_id),
    field("next_reply", &cli::ShownStore::next_reply),
    field("last_command", &cli::ShownStore::last_command),
    field("last_stamp", &cli::ShownStore::last_stamp),
    field("events", &cli::ShownStore::events),
    field("sealed_events", &cli::ShownStore::sealed_events),
    field("digest", &cli::ShownStore::digest),
    field("bytes", &cli::ShownStore::bytes),
    field("keys", &cli::ShownStore::keys),
    field("parked", &cli::ShownStore::parked),
};
template <>
inline constexpr auto fields<cli::ShownStores> = std::tuple{field("stores", &cli::ShownStores::stores)};

}  // namespace parley::schema

namespace parley::cli {
namespace {

using decider::PartitionStore;

std::optional<std::int64_t> partition_of(const std::filesystem::path& folder) {
  const auto name = folder.filename().string();
  int partition = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), partition);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return partition;
}

/// The folder itself, or the folders in it that are named by partitions.
std::vector<std::filesystem::path> store_folders(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (partition_of(entry->path()) && entry->is_directory(ignored)) found.push_back(entry->path());
  }
  if (found.empty()) return {folder};
  std::ranges::sort(found, {}, [](const auto& path) { return partition_of(path); });
  return found;
}

ShownStore shown(const PartitionStore& store) {
  const auto& p = store.progress();
  ShownStore out{.store = store.path(),
                 .partition = partition_of(store.path()),
                 .log = store.log(),
                 .fold_versions = decider::fold_versions(),
                 .next_event = p.next_event,
                 .last_event_id = p.last_event_id,
                 .next_reply = p.next_reply,
                 .last_command = p.last_command,
                 .last_stamp = std::nullopt,
                 .events = p.sealing.events,
                 .sealed_events = p.sealing.sealed,
                 .digest = crypto::hex(p.sealing.digest),
                 .bytes = static_cast<std::int64_t>(store.bytes()),
                 .keys = store.count_keys(),
                 .parked = {}};
  if (p.last_stamp != Timestamp{}) out.last_stamp = p.last_stamp;
  for (const auto& subject : store.parked()) {
    if (const auto entry = store.stream(subject)) out.parked.push_back(decider::parked_stream(subject, *entry));
  }
  return out;
}

class Printer {
 public:
  Printer(const InspectOptions& options, std::ostream& out) : options_(options), out_(out) {}

  void print(const ShownStore& one) {
    out_ << text::printable(one.store);
    if (one.partition) out_ << ": partition " << *one.partition;
    if (one.log.empty()) {
      out_ << "\n  nothing is written out yet: a decider that runs keeps its newest changes in memory\n";
      return;
    }
    out_ << "\n";
    line("topics", one.log);
    line("events", fmt::format("folded before offset {}; the last one is {}", one.next_event, one.last_event_id));
    line("replies", fmt::format("folded before offset {}", one.next_reply));
    line("commands",
         one.last_command < 0 ? "none is decided" : fmt::format("decided up to offset {}", one.last_command));
    if (one.last_stamp) line("last stamp", schema::format_time(*one.last_stamp));
    line("seals", fmt::format("{} events, {} of them behind the last seal; digest {}", one.events, one.sealed_events,
                              one.digest));
    line("fold versions", one.fold_versions);
    line("on disk", fmt::format("{} bytes", one.bytes));
    out_ << fmt::format("  {:>10}{:>12}\n", "keys", "bytes");
    for (const auto& count : one.keys)
      out_ << fmt::format("  {:>10}{:>12}  {}\n", count.keys, count.bytes, text::printable(count.what));
    for (const auto& parked : one.parked) {
      line("parked", fmt::format("{} since {}, version {}: {}", parked.stream, schema::format_time(parked.since),
                                 parked.version, parked.reason));
    }
  }

  void print_stream(const PartitionStore& store, const decider::StreamEntry& entry) {
    const auto state = entry.state ? std::optional(schema::disclosed_state(*entry.state, disclosure())) : std::nullopt;
    std::optional<schema::ParkedStream> parked;
    if (entry.stands_still()) parked = decider::parked_stream(options_.stream, entry);
    if (options_.json) {
      json::Writer w;
      w.begin_object();
      w.key("store");
      w.string(store.path());
      w.key("stream");
      w.string(options_.stream);
      w.key("version");
      w.integer(entry.version);
      w.key("hash");
      w.string(crypto::hex(entry.hash));
      if (state) {
        w.key("state_type");
        w.string(state->type);
        w.key("state");
        w.raw(state->json);
      }
      if (parked) {
        w.key("parked");
        w.raw(schema::write(*parked));
      }
      w.end_object();
      out_ << text::escaped(w.text()) << "\n";
      return;
    }
    out_ << options_.stream << " at version " << entry.version << " in " << text::printable(store.path()) << "\n";
    line("hash", crypto::hex(entry.hash));
    if (parked) {
      line("parked", fmt::format("since {}, version {}: {}", schema::format_time(parked->since), parked->version,
                                 parked->reason));
      if (parked->command_id) line("parked by", "command " + *parked->command_id);
    }
    if (state) {
      line("state", std::string(state->type));
      out_ << text::escaped(json::pretty(state->json));
    } else {
      line("state", "this build does not know this kind of stream");
    }
  }

  std::expected<void, std::string> print_command(const PartitionStore& store, const decider::Remembered& kept) {
    std::string outcome;
    if (!kept.outcome.empty()) {
      auto disclosed = schema::disclosed_outcome(kept.outcome, disclosure());
      if (!disclosed) {
        return std::unexpected(fmt::format("the outcome of command {} in {} cannot be read: {} {}", options_.command,
                                           store.path(), disclosed.error().field, disclosed.error().issue));
      }
      outcome = std::move(*disclosed);
    }
    if (options_.json) {
      json::Writer w;
      w.begin_object();
      w.key("store");
      w.string(store.path());
      w.key("command_id");
      w.string(options_.command);
      w.key("time");
      w.string(schema::format_time(kept.time));
      w.key("is_under_way");
      w.boolean(kept.is_under_way);
      w.key("outcome");
      if (outcome.empty()) {
        w.null();
      } else {
        w.raw(outcome);
      }
      w.end_object();
      out_ << text::escaped(w.text()) << "\n";
      return {};
    }
    out_ << "command " << text::printable(options_.command) << " in " << text::printable(store.path()) << "\n";
    line("decided", schema::format_time(kept.time) + (kept.is_under_way ? "; its outcome is still to come" : ""));
    if (!outcome.empty()) out_ << text::escaped(json::pretty(outcome));
    return {};
  }

 private:
  schema::Disclosure disclosure() const {
    return options_.personal ? schema::Disclosure::personal : schema::Disclosure::masked;
  }
  void line(const char* name, std::string_view value) {
    out_ << fmt::format("  {:<16}{}\n", name, text::printable(value));
  }

  const InspectOptions& options_;
  std::ostream& out_;
};

std::expected<void, std::string> inspect_stores(const InspectOptions& options, std::ostream& out) {
  Printer printer(options, out);
  ShownStores all;
  for (const auto& folder : store_folders(options.folder)) {
    const auto store = PartitionStore::open_read_only(folder.string());
    if (!store) return std::unexpected(store.error());
    try {
      if (!options.stream.empty()) {
        if (const auto entry = store->stream(options.stream)) {
          printer.print_stream(*store, *entry);
          return {};
        }
      } else if (!options.command.empty()) {
        if (const auto kept = store->outcome(options.command)) return printer.print_command(*store, *kept);
      } else if (options.json) {
        all.stores.push_back(shown(*store));
      } else {
        printer.print(shown(*store));
      }
    } catch (const decider::StateUnavailable& broken) {
      return std::unexpected(folder.string() + " is a broken store: " + broken.what());
    }
  }
  const auto wanted = options.stream.empty() ? options.command : options.stream;
  if (!wanted.empty()) {
    return std::unexpected(fmt::format(
        "{} holds nothing of {}: it is of another partition or decider, or its decider keeps it in memory still",
        options.folder.string(), wanted));
  }
  if (options.json) out << text::escaped(schema::write(all)) << "\n";
  return {};
}

}  // namespace

int inspect(const InspectOptions& options, std::ostream& out, std::ostream& errors) {
  auto done = inspect_stores(options, out);
  out.flush();
  if (done && !out) done = std::unexpected("the output cannot be written");
  if (done) return 0;
  errors << "parley inspect: " << text::printable(done.error()) << "\n";
  return 1;
}

void add_inspect(CLI::App& app, int& exit_code) {
  const auto asked = std::make_shared<InspectOptions>();
  auto* command = app.add_subcommand(
      "inspect", "Shows what a decider's stores hold on disk, whether the decider runs or not; changes nothing");
  command
      ->add_option("folder", asked->folder,
                   "A partition's store, or the folder of a decider (for example /var/lib/parley/state/decider-1)")
      ->required();
  auto* stream = command->add_option("--stream", asked->stream, "Shows one stream's state, for example dialog/1387");
  command
      ->add_option("--command", asked->command,
                   "Shows what the decider remembers of a command, by the command's id (a UUID)")
      ->excludes(stream);
  command->add_flag("--json", asked->json, "Prints one JSON document, for programs");
  command->add_flag("--personal", asked->personal,
                    "Shows texts about people (names, e-mails, messages), which are null otherwise");
  command->callback([asked, &exit_code] { exit_code = inspect(*asked, std::cout, std::cerr); });
}

}  // namespace parley::cli
