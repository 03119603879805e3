#pragma once
// A request that brings a file: multipart/form-data, whose file is written to the disk as it comes.
//
//   const UploadBounds kDocument{.file_bytes_max = 20 << 20};
//   registry.command({.method = "POST", .path = "/documents", ..., .upload = &kDocument},
//                    +[](const Call<Nothing, Upload<DocumentFields>>& call, const Deps&) { ... });
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/endpoint/bodies.h"
#include "api/files/temporary_folder.h"
#include "api/http/body_sink.h"

namespace parley::endpoint {

/// Of an endpoint that takes a file. A constant of the program.
struct UploadBounds {
  std::string_view field = "file";  ///< The part that is the file; it must be there, and no other part is one.
  std::size_t file_bytes_max = 10 << 20;
  std::size_t fields_bytes_max = 16 << 10;  ///< The values of all other parts together.
  std::size_t parts_max = 20;
  /// Of the whole body: what its largest legal request needs.
  std::size_t body_bytes_max() const;
};

/// A file that was received, complete.
struct ReceivedFile {
  std::string name;          ///< As sent, UTF-8 without control characters; never a path to use. Perhaps empty.
  std::string content_type;  ///< As sent: what the sender says. Perhaps empty.
  std::size_t bytes = 0;
  std::string sha256;  ///< Hexadecimal.
  /// Removed with its last owner, unless the endpoint moves it to where it stays (TemporaryFile::move_to).
  std::shared_ptr<files::TemporaryFile> content;
};

/// The file of a request, and its other parts as the fields of a described type, read as those of a form are
/// (FormEncoded).
template <class T>
struct Upload {
  T fields;
  ReceivedFile file;
};

/// What came of the body. In the order of the parts.
struct Received {
  std::vector<FormPair> fields;
  ReceivedFile file;
};
/// Takes the body of one request. `bounds` and `folder` must outlive it.
std::shared_ptr<http::BodySink> upload_sink(const UploadBounds& bounds, files::TemporaryFolder& folder,
                                            std::string_view content_type, std::string_view content_encoding);
/// What the sink of a request took. An error says which part is wrong, and why.
Result<Received> received(const http::Request& request);
/// What makes two uploads the same request: the digest and the fields, instead of a body.
std::string fingerprint_of(const http::Request& request);
/// JSON Schema of the body, as OpenAPI describes it: that of the fields, with the file.
std::string upload_schema(const UploadBounds& bounds, std::string_view fields_schema);

template <class T>
struct BodyCodec<Upload<T>> {
  static constexpr std::string_view kMediaType = "multipart/form-data";
  /// Of the fields alone.
  static std::string schema(schema::Components& components) {
    if constexpr (std::same_as<T, Nothing>)
      return "{}";
    else
      return BodyCodec<T>::schema(components);
  }
  static bool required() { return true; }
  static Result<Upload<T>> read(const http::Request& request) {
    auto parts = received(request);
    if (!parts) return fail(std::move(parts.error()));
    auto fields = internal::read_form<T>(parts->fields);
    if (!fields) return fail(std::move(fields.error()));
    return Upload<T>{std::move(*fields), std::move(parts->file)};
  }
};
template <class B>
inline constexpr bool is_upload = false;
template <class T>
inline constexpr bool is_upload<Upload<T>> = true;

}  // namespace parley::endpoint
