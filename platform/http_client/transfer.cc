#include "platform/http_client/transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "platform/http_client/addresses.h"
#include "platform/invariant.h"

namespace parley::http_client {
namespace {

constexpr std::array<std::string_view, 3> kFieldsForAnyHost{"Accept", "Accept-Language", "User-Agent"};

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Transfer::Transfer(Exchange exchange, const Options& options)
    : exchange_(std::move(exchange)), options_(options), redirects_left_(exchange_.request.redirects_max) {
  target_ = exchange_.target;
  begin_hop(exchange_.request.url);
}

Transfer& Transfer::of(CURL* easy) {
  void* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return *static_cast<Transfer*>(self);
}

template <class Value>
void Transfer::set(CURLoption option, Value value) {
  invariant(curl_easy_setopt(easy(), option, value) == CURLE_OK, "libcurl has every option that the client sets");
}

void Transfer::begin_hop(const std::string& url) {
  handle_.easy.reset(curl_easy_init());
  invariant(easy() != nullptr, "libcurl makes handles");
  began_ = quiet_since_ = Clock::now();
  addresses_refused_ = addresses_tried_ = 0;
  bytes_before_request_.reset();
  uploaded_ = 0;
  head_bytes_ = body_bytes_ = 0;
  has_head_begun_ = has_head_ended_ = has_body_begun_ = false;
  detail_[0] = '\0';
  response_ = {};

  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, detail_.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a call that ends does not wait for its name's resolver
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, options_.proxy.c_str());  // an empty one: none, and the environment is not asked
  set(CURLOPT_NOPROXY, options_.proxy.empty() ? "*" : "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  // libcurl divides it among the addresses of a name; whether it has passed is for late() to say.
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(exchange_.request.timeouts.connect.count()));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(exchange_.request.response_bytes_max));
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_PREREQFUNCTION, &Transfer::on_request);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_head_line);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set_body();
  set_fields(target_.place == exchange_.target.place);
}

void Transfer::set_body() {
  const auto& request = exchange_.request;
  if (request.method == "HEAD") return set(CURLOPT_NOBODY, 1L);
  if (!request.parts.empty()) {
    handle_.mime.reset(curl_mime_init(easy()));
    for (const auto& part : request.parts) {
      curl_mimepart* made = curl_mime_addpart(handle_.mime.get());
      if (part.path.empty())
        curl_mime_data(made, part.data.data(), part.data.size());
      else
        curl_mime_filedata(made, part.path.c_str());
      curl_mime_name(made, part.name.c_str());
      curl_mime_filename(made, part.file_name.empty() ? nullptr : part.file_name.c_str());
      if (!part.content_type.empty()) curl_mime_type(made, part.content_type.c_str());
    }
    set(CURLOPT_MIMEPOST, handle_.mime.get());
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (request.method != "GET" && request.method != "POST") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void Transfer::set_fields(bool is_same_place) {
  curl_slist* list = nullptr;
  const auto add = [&](const std::string& line) {
    list = curl_slist_append(list, line.c_str());
    invariant(list != nullptr, "libcurl copies a field");
  };
  bool has_type = false;
  bool has_agent = false;
  for (const auto& [name, value] : exchange_.request.fields) {
    const bool is_for_any = std::ranges::any_of(
        kFieldsForAnyHost, [&](std::string_view known) { return equals_ignoring_case(known, name); });
    if (!is_same_place && !is_for_any) continue;
    add(std::string(name).append(value.empty() ? ";" : ": ").append(value));
    has_type = has_type || equals_ignoring_case(name, "Content-Type");
    has_agent = has_agent || equals_ignoring_case(name, "User-Agent");
  }
  if (!has_agent) add("User-Agent: " + options_.user_agent);
  if (!has_type && handle_.mime == nullptr) add("Content-Type:");  // libcurl would call every body a form
  add("Expect:");  // it would wait a second for a 100 before large bodies
  handle_.fields.reset(list);
  set(CURLOPT_HTTPHEADER, list);
}

bool Transfer::is_repeatable() const { return exchange_.request.method == "GET" || exchange_.request.method == "HEAD"; }

long Transfer::bytes_sent() const {
  long bytes = 0;
  curl_easy_getinfo(easy(), CURLINFO_REQUEST_SIZE, &bytes);
  return bytes;
}

bool Transfer::is_sure_not_sent() const {
  return !has_sent_hops_ && (!bytes_before_request_ || bytes_sent() == *bytes_before_request_);
}

int Transfer::status() const {
  long status = 0;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  return status < 200 ? 0 : static_cast<int>(status);  // an interim one is none
}

void Transfer::note_upload() {
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
  if (std::exchange(uploaded_, uploaded) != uploaded) note_progress();
}

std::optional<Kind> Transfer::late(Clock::time_point now) {
  if (now >= exchange_.deadline()) return Kind::timed_out_total;
  if (bytes_before_request_ && !has_head_begun_) note_upload();
  if (now < next_deadline()) return std::nullopt;
  if (!bytes_before_request_) return Kind::timed_out_connecting;
  return has_head_begun_ ? Kind::timed_out_idle : Kind::timed_out_first_byte;
}

Clock::time_point Transfer::next_deadline() const {
  const auto& timeouts = exchange_.request.timeouts;
  const auto total = exchange_.deadline();
  if (is_paused_) return total;
  if (!bytes_before_request_) return std::min(total, began_ + timeouts.connect);
  return std::min(total, quiet_since_ + (has_head_begun_ ? timeouts.idle : timeouts.first_byte));
}

std::optional<Error> Transfer::resume() {
  if (!std::exchange(is_paused_, false)) return std::nullopt;
  note_progress();
  const auto code = curl_easy_pause(easy(), CURLPAUSE_CONT);  // calls on_body
  return code == CURLE_OK ? std::nullopt : std::optional(error_of(code));
}

curl_socket_t Transfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.options_.proxy.empty() && !transfer.target_.is_trusted && !is_public(address->addr)) {
    ++transfer.addresses_refused_;
    return CURL_SOCKET_BAD;
  }
  ++transfer.addresses_tried_;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Called when the connection is there and the request about to be sent; again when a kept connection turned out to be
// dead and libcurl is about to send the request a second time.
int Transfer::on_request(void* self, char*, char*, int, int) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  const bool is_again = transfer.bytes_before_request_.has_value();
  if (is_again && !transfer.is_sure_not_sent() && !transfer.is_repeatable()) return CURL_PREREQFUNC_ABORT;
  if (!is_again) transfer.bytes_before_request_ = transfer.bytes_sent();
  transfer.note_progress();
  return CURL_PREREQFUNC_OK;
}

std::size_t Transfer::on_head_line(char* bytes, std::size_t, std::size_t size, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.note_progress();
  transfer.has_head_begun_ = true;
  transfer.head_bytes_ += size;
  if (transfer.head_bytes_ > kHeadBytesMax) {
    transfer.is_too_large_ = true;
    return 0;
  }
  if (transfer.has_body_begun_) return size;  // a trailer
  const std::string_view line(bytes, size);
  const auto colon = line.find(':');
  transfer.has_head_ended_ = trimmed(line).empty();
  if (line.starts_with("HTTP/"))
    transfer.response_.fields.clear();  // the head before it was an interim one
  else if (colon != std::string_view::npos)
    transfer.response_.fields.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return size;
}

std::size_t Transfer::on_body(char* bytes, std::size_t, std::size_t size, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.note_progress();
  if (!std::exchange(transfer.has_body_begun_, true)) transfer.complete_head();
  if (size > transfer.exchange_.request.response_bytes_max - transfer.body_bytes_) {
    transfer.is_too_large_ = true;
    return 0;
  }
  auto& on_chunk = transfer.exchange_.request.on_chunk;
  auto& response = transfer.response_;
  if (!on_chunk || response.status < 200 || response.status > 299) {
    response.body.append(bytes, size);
  } else if (const auto flow = on_chunk(response, {bytes, size}); flow == Flow::pause) {
    transfer.is_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  } else if (flow == Flow::stop) {
    transfer.is_stopped_ = true;
    return 0;
  }
  transfer.body_bytes_ += size;
  return size;
}

void Transfer::complete_head() {
  response_.status = status();
  const auto field = response_.value("Retry-After");
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy(), CURLINFO_RETRY_AFTER, &seconds);
  if (seconds > 0 || field == "0") response_.retry_after = std::chrono::seconds(seconds);
}

std::optional<std::string> Transfer::redirect() {
  if (redirects_left_ == 0 || !is_repeatable() || response_.status < 300 || response_.status > 399) return std::nullopt;
  char* url = nullptr;
  curl_easy_getinfo(easy(), CURLINFO_REDIRECT_URL, &url);
  if (url == nullptr) return std::nullopt;
  auto next = target_of(url, options_.trusted_hosts);
  if (!next || next->scheme != target_.scheme || next->is_trusted != target_.is_trusted) return std::nullopt;
  --redirects_left_;
  target_ = std::move(*next);
  return url;
}

std::optional<Result<Response>> Transfer::ended(CURLcode code, Handle& spent) {
  if (code != CURLE_OK) return std::unexpected(error_of(code));
  // An end of the connection within the head is one of the response to libcurl.
  if (!has_head_ended_) return std::unexpected(cut(Kind::broken_off, target_.host + ": the head has no end"));
  complete_head();
  if (const auto url = redirect()) {
    has_sent_hops_ = true;
    spent = std::move(handle_);
    begin_hop(*url);
    return std::nullopt;
  }
  return std::move(response_);
}

Error Transfer::cut(Kind kind, std::string text) const {
  return {.kind = kind, .is_sure_not_sent = is_sure_not_sent(), .status = status(), .text = std::move(text)};
}

Error Transfer::error_of(CURLcode code) const {
  if (is_too_large_ || code == CURLE_FILESIZE_EXCEEDED || (code == CURLE_OUT_OF_MEMORY && bytes_before_request_))
    return cut(Kind::too_large, "the response is larger than this call takes");
  if (is_stopped_) return cut(Kind::cancelled, "stopped by the reader of the response");
  // What libcurl says of connections and certificates names the host alone; elsewhere it might quote the URL.
  const std::string detail = target_.host + ": " + (detail_[0] != '\0' ? detail_.data() : curl_easy_strerror(code));
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      if (addresses_refused_ > 0 && addresses_tried_ == 0)
        return cut(Kind::refused_address, target_.host + " has no public address");
      return cut(Kind::cannot_connect, detail);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return cut(Kind::tls, detail);
    case CURLE_OPERATION_TIMEDOUT:
      return cut(Kind::timed_out_connecting, target_.host + ": no connection in time");
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return cut(Kind::bad_response, target_.host + " does not answer in HTTP/1");
    case CURLE_URL_MALFORMAT:
    case CURLE_READ_ERROR:
      return cut(Kind::invalid, "the URL or a part's file cannot be read");
    default:
      return cut(Kind::broken_off, target_.host + ": " + curl_easy_strerror(code));
  }
}

}  // namespace parley::http_client
