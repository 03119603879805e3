#pragma once
// Reads multipart/form-data (RFC 7578) as it comes, in any pieces. Pure: no socket, no file.
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace parley::http {

/// The boundary of a Content-Type that is multipart/form-data; nothing for any other, and for a boundary that RFC 2046
/// does not allow.
std::optional<std::string> multipart_boundary(std::string_view content_type);

/// Why a body is not read on: where and what, as answers say it.
struct MultipartProblem {
  std::string field;  ///< A part's name, or "body".
  std::string issue;
};

/// Strict, for what two readers could understand differently is an opening: the first bytes are a boundary, every line
/// of a part's head ends with CRLF, no more than one CRLF follows the last boundary, names have no
/// control characters, and no part is encoded. Holds a head or a boundary at most. In time that is linear in
/// the bytes. One thread at a time.
class MultipartReader {
 public:
  static constexpr std::size_t kHeadBytesMax = 1'024;  ///< Of one part.

  struct Part {
    std::string name;
    std::optional<std::string> file_name;  ///< As sent, a path perhaps: never to be used as one. Nothing: a field.
    std::string content_type;              ///< As sent; empty when it was not.
  };
  /// What is done with the parts. Each may end the reading.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual std::expected<void, MultipartProblem> begin(Part part) = 0;
    virtual std::expected<void, MultipartProblem> data(std::string_view bytes) = 0;
    virtual std::expected<void, MultipartProblem> end() = 0;
  };

  /// `receiver` must outlive this.
  MultipartReader(std::string_view boundary, std::size_t parts_max, Receiver& receiver)
      : delimiter_("\r\n--" + std::string(boundary)), parts_max_(parts_max), receiver_(receiver) {}

  /// After a problem nothing more may be fed.
  std::expected<void, MultipartProblem> feed(std::string_view bytes);
  /// Of a body that has ended.
  std::expected<void, MultipartProblem> finish() const;

 private:
  enum class State { begin, boundary, head, data, after };
  using Step = std::expected<bool, MultipartProblem>;  // false: more bytes are needed

  Step step();
  Step read_begin();
  Step read_boundary();
  Step read_head();
  Step read_data();
  Step read_after();

  const std::string delimiter_;
  const std::size_t parts_max_;
  Receiver& receiver_;
  State state_ = State::begin;
  std::size_t parts_ = 0;
  std::string pending_;  // not understood yet
};

}  // namespace parley::http
