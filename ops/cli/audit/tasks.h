#pragma once
// The subcommands, one function each: what was asked for, to stdout. An error is a sentence for whoever asked.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ops/cli/audit/log.h"
#include "schemas/disclosed.h"

namespace parley::audit {

/// What all of them are told.
struct Common {
  cli::LogPlace log;
  bool json = false;
  bool personal = false;  ///< Texts about people too, which are left out otherwise.

  schema::Disclosure disclosure() const;
  /// Tells a person who was shown events without texts that there are more, on stderr.
  void say_what_is_left_out() const;
};

struct HistoryOptions {
  std::string stream;
  bool data = false;
};
/// Every event of a stream: a table, or lines of JSON.
Result<void> history(const Common& common, const HistoryOptions& options);

struct StateOptions {
  std::string stream;
  std::string at;  ///< What parse_point_in_time() takes; empty: now.
};
/// A stream's row as the read models would have it, and a dialog's messages.
Result<void> state(const Common& common, const StateOptions& options);

struct ExplainOptions {
  std::string what;        ///< An event's or a command's id, "dialog/1387@3", or a request's id.
  bool whole_log = false;  ///< Not from the request's beginning on: older requests that their clients gave the same id
                           ///< are found too.
};
/// The request that led to an event, and all that it caused.
Result<void> explain(const Common& common, const ExplainOptions& options);

struct ReplayOptions {
  std::string stream;
  double speed = 1;
};
/// A stream's events in words, with the pauses between them.
Result<void> replay(const Common& common, const ReplayOptions& options);

struct ExportOptions {
  std::string from, to;         ///< Times that parse_past_time() takes; empty: no bound. Events at `to` are left out.
  std::set<std::string> types;  ///< Empty: all.
  std::optional<std::filesystem::path> out;
};
/// The log as lines of JSON: to stdout, or on with the files in a folder.
Result<void> export_events(const Common& common, const ExportOptions& options);

struct VerifyOptions {
  std::vector<std::string> streams;  ///< The chains of these, and the seals of their partitions; empty: everything.
  std::string seal_keys_file;        ///< Public halves of the deciders' keys; empty: signatures are not checked.
  std::string anchor_file;           ///< The last seals that were verified: must stand in the log, and are written anew
                                     ///< afterwards. Empty: none.
  std::string scratch;               ///< A folder for what does not fit in memory; empty: the system's own.
};
/// Whether the log is what its deciders wrote: versions, hashes, digests and seals. A log that is not is printed and is
/// an error.
Result<void> verify(const Common& common, const VerifyOptions& options);

}  // namespace parley::audit
