#pragma once
// An answer that is a file, or other bytes: with its name, its tag, and parts of it for those who ask for parts.
#include <string>
#include <utility>
#include <variant>

#include "api/endpoint/answers.h"
#include "api/endpoint/failure.h"
#include "api/files/file_folder.h"
#include "api/http/message.h"

namespace parley::endpoint {

/// A query's or a reply's answer. Whatever it is, browsers take it for what `media_type` says and nothing else
/// (nosniff).
struct File {
  std::string media_type = "application/octet-stream";
  std::string name{};     ///< What it is saved as: UTF-8; what no file's name may have becomes `_`. Empty: no name.
  bool is_shown = false;  ///< In the browser (inline). False: saved. Never true for what strangers may have written.
  std::string tag{};      ///< Of these very bytes, for ETag: a digest. Visible ASCII without quotes; empty: none.
  std::variant<std::string, files::FoundFile> content{};  ///< From memory, or from the disk.
};

/// The whole of it (200), the one part that Range names (206), or that the client has it (304). A Range of several
/// parts, or of none that there is, is answered with the whole (RFC 9110, 14.2). What the edge sends is the edge's to
/// divide.
http::Response file_response(File file, const http::Headers& request);
/// `attachment; filename="_____.pdf"; filename*=UTF-8''%D1%81%D1%87%D1%91%D1%82.pdf` (RFC 6266).
std::string content_disposition(std::string_view name, bool is_shown);
/// What a FileFolder did not find, as an answer has it.
Failure failure_of(files::FileError error);

template <>
struct AnswerCodec<File> : OtherAnswer {
  static constexpr std::string_view kMediaType = "*/*";
  static constexpr bool kIsFile = true;
  static std::string schema(schema::Components&) { return "{}"; }
  static Body body(File out) {
    Body body;
    body.finish = [out = std::move(out)](const http::Headers& request) mutable {
      return file_response(std::move(out), request);
    };
    return body;
  }
};

}  // namespace parley::endpoint
