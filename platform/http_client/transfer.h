#pragma once
// Internal: one call on libcurl, from its place in flight to its end. Used by the client's thread alone.
#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platform/http_client/client.h"
#include "platform/http_client/target.h"

namespace parley::http_client {

using Clock = std::chrono::steady_clock;

/// A call as it was submitted.
struct Exchange {
  std::uint64_t id = 0;
  Request request;
  Target target;
  Client::OnDone on_done;
  Clock::time_point submitted;
  Clock::time_point deadline() const { return submitted + request.timeouts.total; }
};

/// Owns the easy handle of the current hop: each redirect has a handle of its own, which the owner adds to the multi
/// handle and removes from it. libcurl holds pointers to this, so it does not move.
class Transfer {
 public:
  struct Freed {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    void operator()(curl_mime* mime) const { curl_mime_free(mime); }
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  /// An easy handle and what it reads from, which goes after it.
  struct Handle {
    std::unique_ptr<curl_slist, Freed> fields;
    std::unique_ptr<curl_mime, Freed> mime;
    std::unique_ptr<CURL, Freed> easy;
  };

  Transfer(Exchange exchange, const Options& options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* easy() const { return handle_.easy.get(); }
  static Transfer& of(CURL* easy);
  Exchange& exchange() { return exchange_; }

  /// Which timeout has passed, if one has.
  std::optional<Kind> late(Clock::time_point now);
  /// No timeout passes before it, if nothing happens until then.
  Clock::time_point next_deadline() const;
  /// Offers on_chunk what it did not take. An error: that has ended the call, and the owner says so; libcurl does not.
  std::optional<Error> resume();

  /// libcurl has ended the hop. Nothing: it was a redirect, and easy() is now the handle of the next hop; the old one
  /// is in `spent`, and still in the multi handle.
  std::optional<Result<Response>> ended(CURLcode code, Handle& spent);
  /// What has become of it when it is ended from outside. While the handle is still in the multi handle.
  Error cut(Kind kind, std::string text) const;

 private:
  void begin_hop(const std::string& url);
  void set_body();
  void set_fields(bool is_same_place);
  template <class Value>
  void set(CURLoption option, Value value);
  bool is_repeatable() const;
  bool is_sure_not_sent() const;
  long bytes_sent() const;
  int status() const;
  void note_progress() { quiet_since_ = Clock::now(); }
  void note_upload();
  std::optional<std::string> redirect();
  void complete_head();
  Error error_of(CURLcode code) const;

  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
  static int on_request(void* self, char*, char*, int, int) noexcept;
  static std::size_t on_head_line(char* bytes, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* self) noexcept;

  Exchange exchange_;
  const Options& options_;
  int redirects_left_;
  bool has_sent_hops_ = false;
  Response response_;

  // Of the current hop.
  std::array<char, CURL_ERROR_SIZE> detail_{};
  Target target_;
  Clock::time_point began_;
  Clock::time_point quiet_since_;
  int addresses_refused_ = 0;
  int addresses_tried_ = 0;
  std::optional<long> bytes_before_request_;  // sent to a proxy; set once the connection is there
  curl_off_t uploaded_ = 0;
  std::size_t head_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  bool has_head_begun_ = false;
  bool has_head_ended_ = false;
  bool has_body_begun_ = false;
  bool is_too_large_ = false;
  bool is_stopped_ = false;
  bool is_paused_ = false;
  Handle handle_;
};

}  // namespace parley::http_client
