#include <algorithm>
#include <iostream>

#include "ops/cli/audit/event_line.h"
#include "ops/cli/audit/files.h"
#include "ops/cli/audit/tasks.h"
#include "platform/text/printable.h"
#include "schemas/events.h"
#include "schemas/point_in_time.h"

namespace parley::audit {

/// Which export a folder holds: what decides which lines there are, and which log they are of.
struct ExportIdentity {
  std::string topic;
  std::string topic_id;
  std::optional<Timestamp> from;
  std::vector<std::string> types;
  bool personal = false;
};

}  // namespace parley::audit

namespace parley::schema {

template <>
inline constexpr auto fields<audit::ExportIdentity> = std::tuple{
    field("topic", &audit::ExportIdentity::topic),       field("topic_id", &audit::ExportIdentity::topic_id),
    field("from", &audit::ExportIdentity::from),         field("types", &audit::ExportIdentity::types),
    field("personal", &audit::ExportIdentity::personal),
};

}  // namespace parley::schema

namespace parley::audit {
namespace {

struct Bounds {
  std::optional<Timestamp> from, to;
};

/// One export: which events of a partition, and where their lines go.
class Export {
 public:
  using Line = std::function<Result<void>(std::string_view)>;

  Export(Log& log, const ExportOptions& options, Bounds bounds, schema::Disclosure disclosure, Progress& progress)
      : log_(log), options_(options), bounds_(bounds), disclosure_(disclosure), progress_(progress) {}

  Result<void> expect_all() {
    auto all = log_.all();
    if (!all) return std::unexpected(all.error());
    stretches_ = std::move(*all);
    for (auto& one : stretches_) {
      if (bounds_.from) {
        auto since = log_.happened_since(one, *bounds_.from);
        if (!since) return std::unexpected(since.error());
        one = *since;
      }
    }
    return {};
  }
  std::vector<kafka::Stretch>& stretches() { return stretches_; }

  Result<void> write(const kafka::Stretch& stretch, const Line& line) {
    Result<void> written;
    const auto read = log_.read(
        {stretch},
        [&](const kafka::Message& message) {
          const auto record = projections::read_record(message);
          if (!record) {
            std::cerr << "parley audit export: left out " << text::printable(record.error()) << "\n";
            return true;
          }
          const auto& e = record->envelope;
          if (bounds_.to && e.time >= *bounds_.to) return false;  // time never goes back within a partition
          if (bounds_.from && e.time < *bounds_.from) return true;
          if (!options_.types.empty() && !options_.types.contains(e.type)) return true;
          written = line(event_line(*record, disclosure_));
          return written.has_value();
        },
        progress_);
    return read ? written : read;
  }

 private:
  Log& log_;
  const ExportOptions& options_;
  const Bounds bounds_;
  const schema::Disclosure disclosure_;
  Progress& progress_;
  std::vector<kafka::Stretch> stretches_;
};

Result<void> to_stdout(Export& work) {
  for (const auto& stretch : work.stretches()) {
    const auto written = work.write(stretch, [](std::string_view line) -> Result<void> {
      std::cout << line << "\n";
      if (!std::cout) return std::unexpected("the lines cannot be written");
      return {};
    });
    if (!written) return written;
  }
  return {};
}

Result<void> to_folder(Export& work, const ExportFolder& folder) {
  for (auto stretch : work.stretches()) {
    const auto path = folder.file_of(stretch.where.partition);
    auto file = LineFile::open(path);
    if (!file) return std::unexpected(file.error());
    if (const auto& line = file->last_line()) {
      const auto last = position_of_line(*line);
      if (!last || last->first != stretch.where.partition)
        return std::unexpected(path.string() + ": its last line is none of this export");
      stretch.from = std::max(stretch.from, last->second + 1);
    }
    if (const auto written = work.write(stretch, [&](std::string_view line) { return file->add(line); }); !written)
      return written;
    if (const auto closed = file->close(); !closed) return closed;
  }
  return {};
}

}  // namespace

Result<void> export_events(const Common& common, const ExportOptions& options) {
  const auto from = schema::parse_past_time(options.from);
  const auto to = schema::parse_past_time(options.to);
  if (from && to && *to <= *from) return std::unexpected("--to is not after --from: nothing can be between them");
  const auto known = schema::event_types();
  for (const auto& type : options.types) {
    if (std::ranges::find(known, type) == known.end())
      std::cerr << "parley audit export: this build knows no events of type " << type << "\n";
  }
  auto log = Log::open(common.log);
  if (!log) return std::unexpected(log.error());
  std::optional<ExportFolder> folder;
  if (options.out) {
    const ExportIdentity identity{
        log->topic(), log->topic_id(), from, {options.types.begin(), options.types.end()}, common.personal};
    auto opened = ExportFolder::open(*options.out, schema::write(identity) + "\n");
    if (!opened) return std::unexpected(opened.error());
    folder.emplace(std::move(*opened));
  }
  Progress progress("export");
  Export work(*log, options, {from, to}, common.disclosure(), progress);
  if (const auto expected = work.expect_all(); !expected) return expected;
  for (const auto& one : work.stretches()) progress.expect(one.to - one.from);
  return folder ? to_folder(work, *folder) : to_stdout(work);
}

}  // namespace parley::audit
