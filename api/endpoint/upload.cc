#include "api/endpoint/upload.h"

#include <fmt/format.h>

#include "api/endpoint/header_fields.h"
#include "api/http/multipart.h"
#include "platform/crypto/crypto.h"
#include "platform/text/printable.h"

namespace parley::endpoint {
namespace {

using http::MultipartProblem;
using http::MultipartReader;

constexpr std::size_t kBoundariesBytes = 4 + 2 * 74;  // what surrounds each part, and the last one

Failure failure_of(files::TemporaryError error, std::string_view field) {
  switch (error) {
    case files::TemporaryError::busy:
      return {kOverloaded, {std::string(field), "cannot be received now: too many files are"}};
    case files::TemporaryError::disk_full:
      return {kUnavailable, {std::string(field), "cannot be received now: the disk is full"}};
    case files::TemporaryError::unavailable:
      return kUnavailable;
  }
  return kInternalError;
}

/// The one failure of a request is kept here; what the reader is told in its stead says no more than that there is one.
class Sink final : public http::BodySink, private MultipartReader::Receiver {
 public:
  Sink(const UploadBounds& bounds, files::TemporaryFolder& folder, std::optional<std::string> boundary)
      : bounds_(bounds), folder_(folder) {
    if (boundary) reader_.emplace(*boundary, bounds.parts_max, static_cast<MultipartReader::Receiver&>(*this));
  }

  bool take(std::string_view bytes) override {
    if (!reader_) return false;
    if (failure_) return false;
    note(reader_->feed(bytes));
    return !failure_;
  }
  std::size_t memory_bytes_max() const override { return bounds_.fields_bytes_max + kPiecesBytes; }

  void fail_with(Failure failure) {
    if (!failure_) failure_ = std::move(failure);
  }
  Result<Received> result() {
    if (!failure_ && reader_) note(reader_->finish());
    if (!failure_ && !received_.file.content) fail_with(schema::Problem{std::string(bounds_.field), "is required"});
    if (failure_) return fail(*failure_);
    return received_;
  }

 private:
  // A head, a boundary, and a piece of the body.
  static constexpr std::size_t kPiecesBytes = MultipartReader::kHeadBytesMax + (8 << 10);

  void note(std::expected<void, MultipartProblem> outcome) {
    if (outcome) return;
    auto& problem = outcome.error();
    fail_with({kBadRequest, {std::move(problem.field), std::move(problem.issue)}});
  }
  std::expected<void, MultipartProblem> refuse(Failure failure) {
    fail_with(std::move(failure));
    return std::unexpected(MultipartProblem{});
  }

  std::expected<void, MultipartProblem> begin(MultipartReader::Part part) override {
    if (text::valid_utf8(part.name) != part.name)
      return refuse({kBadRequest, {"body", "a field's name must be plain text"}});
    is_file_ = part.name == bounds_.field;
    if (!is_file_) {
      if (part.file_name) return refuse(schema::Problem{std::move(part.name), "must not be a file"});
      received_.fields.push_back({std::move(part.name), {}});
      return {};
    }
    auto& file = received_.file;
    const std::string field(bounds_.field);
    if (!part.file_name) return refuse(schema::Problem{field, "must be a file"});
    if (file.content) return refuse(schema::Problem{field, "must not be given twice"});
    if (text::valid_utf8(*part.file_name) != *part.file_name ||
        text::valid_utf8(part.content_type) != part.content_type)
      return refuse({kBadRequest, {field, "must be UTF-8"}});
    auto made = folder_.create();
    if (!made) return refuse(failure_of(made.error(), field));
    file.content = std::move(*made);
    file.name = std::move(*part.file_name);
    file.content_type = std::move(part.content_type);
    return {};
  }

  std::expected<void, MultipartProblem> data(std::string_view bytes) override {
    if (is_file_) return file_data(bytes);
    fields_bytes_ += bytes.size();
    auto& field = received_.fields.back();
    if (fields_bytes_ > bounds_.fields_bytes_max)
      return refuse(
          {kPayloadTooLarge, {field.name, fmt::format("must be at most {} bytes", bounds_.fields_bytes_max)}});
    field.value += bytes;
    return {};
  }
  std::expected<void, MultipartProblem> file_data(std::string_view bytes) {
    auto& file = received_.file;
    const std::string field(bounds_.field);
    file.bytes += bytes.size();
    if (file.bytes > bounds_.file_bytes_max)
      return refuse({kPayloadTooLarge, {field, fmt::format("must be at most {} bytes", bounds_.file_bytes_max)}});
    hash_.update(bytes);
    if (const auto written = file.content->append(bytes); !written) return refuse(failure_of(written.error(), field));
    return {};
  }

  std::expected<void, MultipartProblem> end() override {
    if (is_file_) {
      received_.file.sha256 = crypto::hex(hash_.finish());
      return {};
    }
    const auto& field = received_.fields.back();
    if (field.value.contains('\0')) return refuse({kBadRequest, {field.name, "must not contain the NUL character"}});
    if (text::valid_utf8(field.value) != field.value) return refuse({kBadRequest, {field.name, "must be UTF-8"}});
    return {};
  }

  const UploadBounds& bounds_;
  files::TemporaryFolder& folder_;
  std::optional<MultipartReader> reader_;
  std::optional<Failure> failure_;
  Received received_;
  crypto::Sha256 hash_;
  bool is_file_ = false;
  std::size_t fields_bytes_ = 0;
};

Sink* sink_of(const http::Request& request) { return dynamic_cast<Sink*>(request.sink.get()); }

}  // namespace

std::size_t UploadBounds::body_bytes_max() const {
  return file_bytes_max + fields_bytes_max + parts_max * (MultipartReader::kHeadBytesMax + kBoundariesBytes);
}

std::shared_ptr<http::BodySink> upload_sink(const UploadBounds& bounds, files::TemporaryFolder& folder,
                                            std::string_view content_type, std::string_view content_encoding) {
  auto boundary = http::multipart_boundary(content_type);
  const bool is_multipart = boundary.has_value(), is_coded = is_encoded(content_encoding);
  if (is_coded) boundary.reset();
  auto sink = std::make_shared<Sink>(bounds, folder, std::move(boundary));
  const auto unsupported = [&](std::string field, std::string issue) {
    sink->fail_with({kUnsupportedMediaType, {std::move(field), std::move(issue)}});
  };
  if (!is_multipart) unsupported("Content-Type", "must be multipart/form-data with a boundary");
  if (is_coded) unsupported("Content-Encoding", "is not supported");
  return sink;
}

Result<Received> received(const http::Request& request) {
  auto* sink = sink_of(request);
  // Its head was refused, and a moment later its caller was known: the body was not read.
  if (sink == nullptr) return fail(kUnavailable);
  return sink->result();
}

std::string fingerprint_of(const http::Request& request) {
  auto* sink = sink_of(request);
  const auto parts = sink == nullptr ? Result<Received>(fail(kUnavailable)) : sink->result();
  if (!parts) return {};
  std::string text;  // each part after its length, so that no two requests make one text
  const auto add = [&](std::string_view part) { text.append(std::to_string(part.size())).append(":").append(part); };
  add(parts->file.sha256);
  add(parts->file.name);
  add(parts->file.content_type);
  for (const auto& [name, value] : parts->fields) {
    add(name);
    add(value);
  }
  return text;
}

std::string upload_schema(const UploadBounds& bounds, std::string_view fields_schema) {
  json::Writer w;
  w.begin_object();
  w.key("allOf");
  w.begin_array();
  if (fields_schema != "{}") w.raw(fields_schema);
  w.begin_object();
  w.key("type");
  w.string("object");
  w.key("properties");
  w.begin_object();
  w.key(bounds.field);
  w.raw(R"({"type":"string","contentMediaType":"application/octet-stream","description":"At most )" +
        std::to_string(bounds.file_bytes_max) + R"( bytes"})");
  w.end_object();
  w.key("required");
  w.begin_array();
  w.string(bounds.field);
  w.end_array();
  w.end_object();
  w.end_array();
  w.end_object();
  return w.take();
}

}  // namespace parley::endpoint
