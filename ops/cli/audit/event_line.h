#pragma once
// An event as one line of JSON: what `export` and `history --json` write, and pipelines read.
#include <optional>
#include <string>

#include "projections/record.h"
#include "schemas/disclosed.h"

namespace parley::audit {

/// Of the data; nothing: without it.
using Shown = std::optional<schema::Disclosure>;

/// Without its newline: {"position":{"partition":…,"offset":…}, the envelope under its CloudEvents names (without the
/// headers' "ce_"), "data":…}. Data of a type that this build does not know, or cannot read, is left out, and
/// "data_left_out" says why. Safe to show (platform/text/printable.h).
std::string event_line(const projections::Record& record, Shown data);

/// The data alone, as JSON that is safe to show; the error says why it is left out.
std::expected<std::string, std::string> event_data(const projections::Record& record, schema::Disclosure disclosure);

/// The position that a line of event_line() begins with; nothing for any other text.
std::optional<std::pair<std::int32_t, std::int64_t>> position_of_line(std::string_view line);

}  // namespace parley::audit
