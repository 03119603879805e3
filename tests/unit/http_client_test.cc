#include "platform/http_client/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "platform/http_client/addresses.h"
#include "tests/unit/metrics_sample.h"
#include "tests/unit/scripted_peer.h"

namespace parley::http_client {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedPeer;
using ::testing::StartsWith;
using Connection = ScriptedPeer::Connection;

constexpr auto kPatience = 20s;
constexpr std::size_t kUploadBytes = 24U << 20;
constexpr std::size_t kStreamBytes = 64U << 20;
constexpr std::string_view kTlsAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Answers every request alike.
ScriptedPeer::Script answers(std::string body, std::string status_and_fields = "200 OK\r\n") {
  return [body = std::move(body), head = std::move(status_and_fields)](Connection& connection) {
    while (connection.read_request()) connection.answer(body, head);
  };
}
/// Sends these bytes after the request, and ends the connection.
ScriptedPeer::Script sends(std::string bytes) {
  return [bytes = std::move(bytes)](Connection& connection) {
    connection.read_request();
    connection.send(bytes);
  };
}

Request get(const ScriptedPeer& peer, std::string path = "/") {
  return {.peer = "test", .url = "http://" + peer.place() + std::move(path)};
}
Request post(const ScriptedPeer& peer, std::string body = "x") {
  auto request = get(peer);
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

Options trusting() { return {.trusted_hosts = {"127.0.0.1", "localhost"}}; }

Kind kind_of(const Result<Response>& result) {
  EXPECT_FALSE(result) << "answered " << result->status;
  return result ? Kind::invalid : result.error().kind;
}

/// A call whose end a test waits for.
class Ended {
 public:
  Client::OnDone note() {
    return [promise = promise_](Result<Response> result) { promise->set_value(std::move(result)); };
  }
  bool has_come() { return future_.wait_for(0s) == std::future_status::ready; }
  Result<Response> get() {
    if (future_.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("the call does not end");
    return future_.get();
  }

 private:
  std::shared_ptr<std::promise<Result<Response>>> promise_ = std::make_shared<std::promise<Result<Response>>>();
  std::future<Result<Response>> future_ = promise_->get_future();
};

TEST(HttpClient, SendsWhatItIsGivenAndGivesBackWhatCame) {
  ScriptedPeer peer(answers("done", "201 Created\r\nX-Kind: a\r\nx-empty:\r\n"));
  Client client(trusting());
  auto request = post(peer, R"({"a":1})");
  request.url += "v2/Init?a=b";
  request.fields = {{"Content-Type", "application/json"}, {"Idempotency-Key", "k1"}, {"X-Empty", ""}};
  const auto response = client.call(std::move(request));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "done");
  EXPECT_EQ(response->value("x-kind"), "a");
  EXPECT_EQ(response->value("absent"), "");
  const auto sent = peer.requests().at(0);
  EXPECT_THAT(sent, StartsWith("POST /v2/Init?a=b HTTP/1.1\r\n"));
  EXPECT_THAT(sent,
              AllOf(HasSubstr("Content-Type: application/json\r\n"), HasSubstr("Idempotency-Key: k1\r\n"),
                    HasSubstr("X-Empty:\r\n"), HasSubstr("User-Agent: Parley\r\n"), HasSubstr("\r\n\r\n{\"a\":1}")));
  EXPECT_THAT(sent, Not(HasSubstr("Expect:")));
}

TEST(HttpClient, EveryMethodIsSentAsItIsCalled) {
  ScriptedPeer peer([](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->starts_with("HEAD"))
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
      else
        connection.answer("");
    }
  });
  Client client(trusting());
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    auto request = get(peer);
    request.method = method;
    ASSERT_TRUE(client.call(std::move(request))) << method;
    EXPECT_THAT(peer.requests().back(), StartsWith(method + " / HTTP/1.1\r\n"));
    EXPECT_THAT(peer.requests().back(), Not(HasSubstr("Content-Type")));
  }
  EXPECT_EQ(peer.connections(), 1) << "connections are kept";
}

TEST(HttpClient, EveryStatusIsAResponse) {
  Client client(trusting());
  for (const int status : {204, 302, 400, 401, 409, 500, 503}) {
    ScriptedPeer peer(answers(status == 204 ? "" : "{}", std::to_string(status) + " X\r\n"));
    const auto response = client.call(get(peer));
    ASSERT_TRUE(response) << status;
    EXPECT_EQ(response->status, status);
  }
}

TEST(HttpClient, RetryAfterIsReadAsSecondsAndAsADate) {
  Client client(trusting());
  const auto asked = [&](const std::string& field) {
    ScriptedPeer peer(answers("", "429 Too Many Requests\r\n" + field));
    return client.call(get(peer))->retry_after;
  };
  EXPECT_EQ(asked("Retry-After: 7\r\n"), 7s);
  EXPECT_EQ(asked("Retry-After: 0\r\n"), 0s);
  EXPECT_GT(asked("Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n"), 24h);
  EXPECT_EQ(asked(""), std::nullopt);
  EXPECT_EQ(asked("Retry-After: soon\r\n"), std::nullopt);
}

TEST(HttpClient, AnInterimResponseIsNotTheResponse) {
  ScriptedPeer peer(
      sends("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
  Client client(trusting());
  const auto response = client.call(get(peer));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->value("Link"), "");
}

TEST(HttpClient, WhatCannotBeSentIsInvalidAndSureNotSent) {
  ScriptedPeer peer(answers(""));
  Client client(trusting());
  const auto refused = [&](auto change) {
    auto request = get(peer);
    change(request);
    const auto result = client.call(std::move(request));
    EXPECT_EQ(kind_of(result), Kind::invalid);
    EXPECT_TRUE(result.error().is_sure_not_sent);
  };
  refused([](Request& request) { request.url = "/relative"; });
  refused([](Request& request) { request.url = "http://exa mple.org/"; });
  refused([](Request& request) { request.url = "ftp://127.0.0.1/"; });
  refused([](Request& request) { request.url = "file:///etc/passwd"; });
  refused([](Request& request) { request.url = "https://user:secret@127.0.0.1/"; });
  refused([](Request& request) { request.url = "http://example.org/"; });  // not trusted: https alone
  refused([](Request& request) { request.method = "GET / HTTP/1.1\r\nX: "; });
  refused([](Request& request) { request.fields = {{"X", "a\r\nY: b"}}; });
  refused([](Request& request) { request.fields = {{"X: Y", "a"}}; });
  refused([](Request& request) { request.fields = {{"transfer-encoding", "chunked"}}; });
  refused([](Request& request) { request.body = "x"; });
  refused([](Request& request) {
    request.method = "POST";
    request.parts = {{.name = "file", .path = "/no/such/file"}};
  });
  EXPECT_EQ(peer.connections(), 0);
}

TEST(HttpClient, APortThatNobodyListensOnIsCannotConnect) {
  std::string url;
  {
    ScriptedPeer peer(answers(""));
    url = "http://" + peer.place() + "/";
  }
  Client client(trusting());
  const auto result = client.call({.peer = "test", .url = url});
  EXPECT_EQ(kind_of(result), Kind::cannot_connect);
  EXPECT_TRUE(result.error().is_sure_not_sent);
}

// Timeouts. The limit that must pass is short, the others are long.

TEST(HttpClient, AHostThatDoesNotTakeTheConnectionTimesOutConnecting) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> fill;  // the queue of those that nobody accepts
  for (int i = 0; i < 4; ++i) {
    fill.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_LE(::connect(fill.back(), reinterpret_cast<sockaddr*>(&address), size), 0);
  }
  Client client(trusting());
  const auto result = client.call({.peer = "test",
                                   .url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                                   .timeouts = {.connect = 200ms}});
  EXPECT_EQ(kind_of(result), Kind::timed_out_connecting);
  EXPECT_TRUE(result.error().is_sure_not_sent);
  for (const int socket : fill) ::close(socket);
  ::close(listener);
}

TEST(HttpClient, AHandshakeThatIsNotAnsweredTimesOutConnecting) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client(trusting());
  const auto result = client.call({.peer = "test", .url = "https://" + peer.place(), .timeouts = {.connect = 200ms}});
  EXPECT_EQ(kind_of(result), Kind::timed_out_connecting);
  EXPECT_TRUE(result.error().is_sure_not_sent);
}

TEST(HttpClient, ARequestWithoutAnAnswerTimesOutBeforeTheFirstByteAndMayHaveBeenDone) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client(trusting());
  auto request = post(peer);
  request.timeouts.first_byte = 200ms;
  const auto began = std::chrono::steady_clock::now();
  const auto result = client.call(std::move(request));
  EXPECT_EQ(kind_of(result), Kind::timed_out_first_byte);
  EXPECT_FALSE(result.error().is_sure_not_sent);
  EXPECT_EQ(result.error().status, 0);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 200ms);
}

TEST(HttpClient, ABodyThatFallsSilentTimesOutIdleAndTellsItsStatus) {
  ScriptedPeer peer([](Connection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf");
    connection.wait_for_its_end();
  });
  Client client(trusting());
  auto request = get(peer);
  request.timeouts.idle = 200ms;
  const auto result = client.call(std::move(request));
  EXPECT_EQ(kind_of(result), Kind::timed_out_idle);
  EXPECT_FALSE(result.error().is_sure_not_sent);
  EXPECT_EQ(result.error().status, 201);
}

TEST(HttpClient, ABodyThatTricklesForEverTimesOutInTotal) {
  ScriptedPeer peer([](Connection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (connection.send("1\r\nx\r\n")) std::this_thread::sleep_for(10ms);
  });
  Client client(trusting());
  auto request = get(peer);
  request.timeouts.total = 400ms;
  EXPECT_EQ(kind_of(client.call(std::move(request))), Kind::timed_out_total);
}

TEST(HttpClient, AnUploadThatGoesOnIsNotTakenForSilence) {
  ScriptedPeer peer([](Connection& connection) {
    std::size_t read = 0;
    while (read < kUploadBytes) {
      const auto some = connection.read_some(1 << 20);
      if (some == 0) return;
      read += some;
      std::this_thread::sleep_for(5ms);
    }
    connection.answer("ok");
    connection.wait_for_its_end();
  });
  Client client(trusting());
  auto request = post(peer, std::string(kUploadBytes, 'x'));
  request.timeouts.first_byte = 600ms;  // all of it takes longer where pieces are small; no piece does
  const auto result = client.call(std::move(request));
  ASSERT_TRUE(result) << name(result.error().kind);
  EXPECT_EQ(result->body, "ok");
}

TEST(HttpClient, ManyTimeoutsPassEachAtItsTime) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client(trusting());
  std::list<Ended> ends;
  for (int i = 0; i < 20; ++i) {
    auto request = get(peer);
    request.timeouts.first_byte = i % 2 == 0 ? 100ms : 60'000ms;
    request.timeouts.total = i % 2 == 0 ? 60'000ms : 300ms;
    ASSERT_TRUE(client.submit(std::move(request), ends.emplace_back().note()));
  }
  int i = 0;
  for (auto& end : ends)
    EXPECT_EQ(kind_of(end.get()), i++ % 2 == 0 ? Kind::timed_out_first_byte : Kind::timed_out_total);
}

// Responses that are not what they should be.

TEST(HttpClient, AResponseThatEndsTooEarlyIsBrokenOff) {
  Client client(trusting());
  for (const std::string bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"}) {
    ScriptedPeer peer(sends(bytes));
    const auto result = client.call(post(peer));
    EXPECT_EQ(kind_of(result), Kind::broken_off) << bytes;
    EXPECT_FALSE(result.error().is_sure_not_sent) << bytes;
    EXPECT_EQ(result.error().status, (bytes.empty() ? 0 : 200)) << bytes;
  }
}

TEST(HttpClient, WhatIsNotHttpIsABadResponse) {
  ScriptedPeer peer(sends("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"));
  Client client(trusting());
  EXPECT_EQ(kind_of(client.call(get(peer))), Kind::bad_response);
}

TEST(HttpClient, MoreThanTheCallTakesIsTooLarge) {
  Client client(trusting());
  const std::string body(2'000, 'x');
  const std::string fields(kHeadBytesMax + 1, 'y');
  std::string many_fields;
  for (int i = 0; i < 2'000; ++i)
    many_fields.append("X-").append(std::to_string(i)).append(": ").append(60, 'y').append("\r\n");
  for (const auto& bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + body,
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7D0\r\n" + body + "\r\n0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nX: " + fields + "\r\nContent-Length: 0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nX: " + fields + fields + "\r\nContent-Length: 0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\n" + many_fields + "Content-Length: 0\r\n\r\n"}) {
    ScriptedPeer peer(sends(bytes));
    auto request = get(peer);
    request.response_bytes_max = 1'999;
    const auto result = client.call(std::move(request));
    EXPECT_EQ(kind_of(result), Kind::too_large) << bytes.substr(0, 60);
  }
  ScriptedPeer peer(answers(body));
  auto request = get(peer);
  request.response_bytes_max = 2'000;
  EXPECT_EQ(client.call(std::move(request))->body, body);
}

// Kept connections: the first request is answered, the second one is taken and its connection ended.

ScriptedPeer::Script takes_the_second_and_dies() {
  return [](Connection& connection) {
    connection.read_request();
    connection.answer("ok");
    if (connection.number() > 0) return connection.wait_for_its_end();
    connection.read_request();
  };
}

TEST(HttpClient, APostIsNeverSentTwice) {
  ScriptedPeer peer(takes_the_second_and_dies());
  Client client(trusting());
  ASSERT_TRUE(client.call(get(peer)));
  const auto result = client.call(post(peer));
  EXPECT_EQ(kind_of(result), Kind::broken_off);
  EXPECT_FALSE(result.error().is_sure_not_sent);
  EXPECT_EQ(peer.requests().size(), 2U);
}

TEST(HttpClient, NorIsADeleteOrAPostWithoutABody) {
  for (const std::string method : {"DELETE", "POST"}) {
    ScriptedPeer peer(takes_the_second_and_dies());
    Client client(trusting());
    ASSERT_TRUE(client.call(get(peer)));
    auto request = get(peer);
    request.method = method;
    EXPECT_EQ(kind_of(client.call(std::move(request))), Kind::broken_off);
    EXPECT_EQ(peer.requests().size(), 2U);
  }
}

TEST(HttpClient, AGetThatMeetsTheEndOfAKeptConnectionIsSentAgain) {
  ScriptedPeer peer(takes_the_second_and_dies());
  Client client(trusting());
  ASSERT_TRUE(client.call(get(peer)));
  ASSERT_TRUE(client.call(get(peer)));
  EXPECT_EQ(peer.requests().size(), 3U);
}

// Limits.

TEST(HttpClient, CallsBeyondTheLimitsWaitTheirTurnAndThoseOfOtherHostsPassThem) {
  std::atomic<bool> may_answer = false;
  const auto answers_later = [&](Connection& connection) {
    while (connection.read_request() && eventually([&] { return may_answer.load(); })) connection.answer("ok");
  };
  ScriptedPeer slow(answers_later);
  ScriptedPeer quick(answers("ok"));
  Client client({.in_flight_max = 10, .in_flight_per_host_max = 3, .waiting_max = 5, .trusted_hosts = {"127.0.0.1"}});
  std::list<Ended> ends;
  const auto submit = [&] { return client.submit(get(slow), ends.emplace_back().note()); };
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(submit());
  ASSERT_TRUE(eventually([&] { return slow.requests().size() == 3; }));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(submit());
  EXPECT_TRUE(client.call(get(quick))) << "passes the four that wait";
  ASSERT_TRUE(submit());
  const auto refused = client.submit(get(slow), [](Result<Response>) { FAIL() << "was not started"; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::queue_full);
  EXPECT_TRUE(refused.error().is_sure_not_sent);
  EXPECT_EQ(slow.connections(), 3);
  EXPECT_TRUE(eventually([] { return metrics::sample("parley_http_client_waiting") == 5; }));
  may_answer = true;
  for (auto& end : ends) EXPECT_TRUE(end.get());
  EXPECT_EQ(slow.connections(), 3);
  EXPECT_EQ(slow.requests().size(), 8U);
}

TEST(HttpClient, ACallThatFindsNoPlaceInTimeIsSureNotSent) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client({.in_flight_max = 1, .trusted_hosts = {"127.0.0.1"}});
  Ended first;
  ASSERT_TRUE(client.submit(get(peer), first.note()));
  auto request = get(peer);
  request.timeouts.total = 100ms;
  const auto result = client.call(std::move(request));
  EXPECT_EQ(kind_of(result), Kind::timed_out_total);
  EXPECT_TRUE(result.error().is_sure_not_sent);
}

TEST(HttpClient, ThousandCallsOfManyThreadsAllEnd) {
  ScriptedPeer peer(answers("ok"));
  Client client({.in_flight_max = 64, .in_flight_per_host_max = 32, .trusted_hosts = {"127.0.0.1"}});
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 125; ++j) {
        if (const auto response = client.call(post(peer)); response && response->body == "ok") ++answered;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(answered, 1'000);
  EXPECT_EQ(peer.requests().size(), 1'000U);
  EXPECT_LE(peer.connections(), 32);
}

// Ends from outside.

TEST(HttpClient, ACallIsCancelledInFlightAndWhileItWaits) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client({.in_flight_max = 1, .trusted_hosts = {"127.0.0.1"}});
  Ended first, second;
  auto request = get(peer);
  const auto flying = client.submit(std::move(request), first.note());
  ASSERT_TRUE(eventually([&] { return peer.connections() == 1; }));
  const auto waiting = client.submit(get(peer), second.note());
  ASSERT_TRUE(flying && waiting);
  waiting->cancel();
  auto result = second.get();
  EXPECT_EQ(kind_of(result), Kind::cancelled);
  EXPECT_TRUE(result.error().is_sure_not_sent);
  flying->cancel();
  EXPECT_EQ(kind_of(first.get()), Kind::cancelled);
  flying->cancel();  // nothing any more
}

TEST(HttpClient, AStopTokenEndsTheWait) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  Client client(trusting());
  std::stop_source stop;
  std::thread stopper([&] {
    eventually([&] { return peer.connections() == 1; });
    stop.request_stop();
  });
  EXPECT_EQ(kind_of(client.call(get(peer), stop.get_token())), Kind::cancelled);
  stopper.join();
}

TEST(HttpClient, TheClientsEndCancelsEverything) {
  ScriptedPeer peer([](Connection& connection) { connection.wait_for_its_end(); });
  std::list<Ended> ends;
  std::optional<Call> call;
  {
    Client client({.in_flight_max = 2, .trusted_hosts = {"127.0.0.1"}});
    for (int i = 0; i < 6; ++i) call = *client.submit(get(peer), ends.emplace_back().note());
  }
  for (auto& end : ends) {
    ASSERT_TRUE(end.has_come());
    EXPECT_EQ(kind_of(end.get()), Kind::cancelled);
  }
  call->cancel();
  call->resume();
}

TEST(HttpClient, OnDoneMaySubmitTheNext) {
  ScriptedPeer peer(answers("ok"));
  Client client(trusting());
  Ended second;
  ASSERT_TRUE(
      client.submit(get(peer), [&](const Result<Response>&) { EXPECT_TRUE(client.submit(get(peer), second.note())); }));
  EXPECT_TRUE(second.get());
}

// Streams.

TEST(HttpClient, ChunksAreGivenAsTheyCome) {
  std::promise<void> has_first;
  ScriptedPeer peer([&](Connection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send("9\r\ndata: a\n\n\r\n");
    has_first.get_future().wait();
    connection.send("9\r\ndata: b\n\n\r\n0\r\n\r\n");
    connection.wait_for_its_end();
  });
  Client client(trusting());
  std::string all;
  auto request = get(peer);
  request.on_chunk = [&](const Response& head, std::string_view chunk) {
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.value("content-type"), "text/event-stream");
    if (all.empty()) has_first.set_value();
    all += chunk;
    return Flow::go_on;
  };
  const auto response = client.call(std::move(request));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(all, "data: a\n\ndata: b\n\n");
  EXPECT_EQ(response->body, "");
}

TEST(HttpClient, ABodyOfAnErrorIsNotStreamed) {
  ScriptedPeer peer(answers("{\"ok\":false}", "429 Too Many Requests\r\n"));
  Client client(trusting());
  auto request = get(peer);
  request.on_chunk = [](const Response&, std::string_view) {
    ADD_FAILURE() << "of an error";
    return Flow::go_on;
  };
  EXPECT_EQ(client.call(std::move(request))->body, "{\"ok\":false}");
}

TEST(HttpClient, AReaderThatPausesHoldsThePeerBackAndLosesNothing) {
  ScriptedPeer peer([](Connection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kStreamBytes) + "\r\n\r\n");
    std::string piece(1 << 16, '\0');
    for (std::size_t at = 0; at < kStreamBytes; at += piece.size()) {
      for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<char>((at + i) % 251);
      if (!connection.send(piece)) return;
    }
    connection.wait_for_its_end();
  });
  Client client(trusting());
  std::atomic<std::size_t> taken = 0;
  std::atomic<int> pauses = 0;
  std::atomic<bool> is_right = true;
  std::atomic<bool> may_go_on = false;
  auto request = get(peer);
  request.response_bytes_max = kStreamBytes;
  request.timeouts.idle = 300ms;  // does not run during a pause
  request.on_chunk = [&, pause_at = std::size_t{1} << 20](const Response&, std::string_view chunk) mutable {
    if (taken >= pause_at && !may_go_on.exchange(false)) {
      ++pauses;
      return Flow::pause;
    }
    if (taken >= pause_at) pause_at += 16 << 20;
    for (const char c : chunk) {
      const std::size_t at = taken++;
      if (c != static_cast<char>(at % 251)) is_right = false;
    }
    return Flow::go_on;
  };
  Ended end;
  const auto call = client.submit(std::move(request), end.note());
  ASSERT_TRUE(call);
  ASSERT_TRUE(eventually([&] { return pauses == 1; }));
  std::this_thread::sleep_for(500ms);  // what the buffers take is sent; the idle time passes
  EXPECT_LT(peer.bytes_sent(), kStreamBytes / 2) << "the peer has to wait";
  EXPECT_FALSE(end.has_come());
  while (!end.has_come()) {
    const int before = pauses;
    may_go_on = true;
    call->resume();
    eventually([&] { return pauses > before || end.has_come(); });
  }
  const auto response = end.get();
  ASSERT_TRUE(response) << name(response.error().kind);
  EXPECT_EQ(taken, kStreamBytes);
  EXPECT_TRUE(is_right);
  EXPECT_GE(pauses, 4);
}

TEST(HttpClient, AReaderCanEndTheCall) {
  ScriptedPeer peer(answers("data"));
  Client client(trusting());
  auto request = get(peer);
  request.on_chunk = [](const Response&, std::string_view) { return Flow::stop; };
  EXPECT_EQ(kind_of(client.call(std::move(request))), Kind::cancelled);
}

TEST(HttpClient, WhatEndsACallEndsItAfterAPauseToo) {
  ScriptedPeer peer([](Connection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n");
    connection.wait_for_its_end();
  });
  Client client(trusting());
  const auto resumed = [&](std::size_t bytes_max, Flow flow) {
    std::promise<void> has_paused;
    Ended end;
    auto request = get(peer);
    request.response_bytes_max = bytes_max;
    request.on_chunk = [&, flow, is_first = true](const Response&, std::string_view) mutable {
      if (!std::exchange(is_first, false)) return flow;
      has_paused.set_value();
      return Flow::pause;
    };
    const auto call = client.submit(std::move(request), end.note());
    has_paused.get_future().wait();
    call->resume();
    return kind_of(end.get());
  };
  EXPECT_EQ(resumed(100, Flow::stop), Kind::cancelled);
}

TEST(HttpClient, APausedCallIsCancelledAndTimesOutInTotal) {
  ScriptedPeer peer(answers("data"));
  Client client(trusting());
  const auto paused = [&](std::chrono::milliseconds total) {
    auto request = get(peer);
    request.timeouts = {.idle = 50ms, .total = total};
    request.on_chunk = [](const Response&, std::string_view) { return Flow::pause; };
    return request;
  };
  EXPECT_EQ(kind_of(client.call(paused(300ms))), Kind::timed_out_total);
  Ended end;
  const auto call = client.submit(paused(60'000ms), end.note());
  call->cancel();
  EXPECT_EQ(kind_of(end.get()), Kind::cancelled);
}

TEST(HttpClient, FilesAreSentAsPartsAndADownloadGoesToAFile) {
  const auto folder = std::filesystem::temp_directory_path() / ("parley-http-client-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string content(300'000, 'v');
  std::ofstream(folder / "voice.ogg") << content;
  ScriptedPeer peer(answers(content));
  Client client(trusting());
  auto request = get(peer, "/audio/transcriptions");
  request.method = "POST";
  request.parts = {{.name = "model", .data = "whisper-1"},
                   {.name = "file",
                    .file_name = "a \"b\".ogg",
                    .content_type = "audio/ogg",
                    .path = (folder / "voice.ogg").string()}};
  std::ofstream download(folder / "copy");
  request.on_chunk = [&](const Response&, std::string_view chunk) {
    download << chunk;
    return Flow::go_on;
  };
  const auto response = client.call(std::move(request));
  ASSERT_TRUE(response) << response.error().text;
  download.close();
  EXPECT_EQ(std::filesystem::file_size(folder / "copy"), content.size());
  const auto sent = peer.requests().at(0);
  EXPECT_THAT(sent, AllOf(HasSubstr("Content-Type: multipart/form-data; boundary="),
                          HasSubstr("name=\"model\"\r\n\r\nwhisper-1\r\n"),
                          HasSubstr("name=\"file\"; filename=\"a %22b%22.ogg\"\r\nContent-Type: audio/ogg\r\n\r\nvvv"),
                          HasSubstr("v\r\n--"), EndsWith("--\r\n")));
  std::filesystem::remove_all(folder);
}

// Redirects.

TEST(HttpClient, ARedirectIsAResponseUnlessItIsAskedFor) {
  ScriptedPeer target(answers("there"));
  ScriptedPeer peer(answers("", "302 Found\r\nLocation: http://" + target.place() + "/\r\n"));
  Client client(trusting());
  const auto response = client.call(get(peer));
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->value("location"), "http://" + target.place() + "/");
  EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, RedirectsThatAreAskedForAreFollowedSoOften) {
  ScriptedPeer peer([](Connection& connection) {
    while (const auto request = connection.read_request()) {
      const int left = request->at(5) - '0';
      if (left == 0)
        connection.answer("there");
      else
        connection.answer("moved", "302 Found\r\nLocation: /" + std::to_string(left - 1) + "\r\n");
    }
  });
  Client client(trusting());
  auto request = get(peer, "/3");
  request.redirects_max = 3;
  EXPECT_EQ(client.call(std::move(request))->body, "there");
  request = get(peer, "/3");
  request.redirects_max = 2;
  const auto response = client.call(std::move(request));
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->value("location"), "/0");
}

TEST(HttpClient, AnotherHostIsNotToldTheSecretsOfTheFirst) {
  ScriptedPeer target(answers("there"));
  ScriptedPeer peer(answers("", "302 Found\r\nLocation: http://" + target.place() + "/\r\n"));
  Client client(trusting());
  auto request = get(peer);
  request.redirects_max = 1;
  request.fields = {{"Authorization", "Bearer secret"}, {"X-Api-Key", "secret"}, {"accept", "text/html"}};
  EXPECT_EQ(client.call(std::move(request))->body, "there");
  EXPECT_THAT(peer.requests().at(0), HasSubstr("secret"));
  EXPECT_THAT(target.requests().at(0), AllOf(Not(HasSubstr("secret")), HasSubstr("accept: text/html")));
}

TEST(HttpClient, ARedirectLeadsToNoOtherSchemeClassOrMethod) {
  ScriptedPeer target(answers("there"));
  const auto is_given_back = [&](const std::string& location, const std::string& method, Options options) {
    ScriptedPeer peer(answers("", "302 Found\r\nLocation: " + location + "\r\n"));
    options.trusted_hosts.push_back(peer.place());
    Client client(options);
    auto request = get(peer);
    request.method = method;
    request.redirects_max = 5;
    return client.call(std::move(request))->status == 302;
  };
  const auto port = std::to_string(target.port());
  EXPECT_TRUE(is_given_back("https://127.0.0.1:" + port + "/", "GET", trusting()));
  EXPECT_TRUE(is_given_back("http://127.0.0.1:" + port + "/", "GET", {}));  // trusted is one port alone
  EXPECT_TRUE(is_given_back("file:///etc/passwd", "GET", trusting()));
  EXPECT_TRUE(is_given_back("http://127.0.0.1:" + port + "/", "POST", trusting()));
  EXPECT_FALSE(is_given_back("http://127.0.0.1:" + port + "/", "GET", trusting()));
  EXPECT_EQ(target.connections(), 1);
}

// Where calls may go.

bool is_public_text(const std::string& text) {
  sockaddr_storage address{};
  if (text.contains(':')) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4.sin_addr), 1) << text;
  }
  return is_public(reinterpret_cast<sockaddr&>(address));
}

TEST(HttpClientAddresses, OnlyThoseOfTheInternetArePublic) {
  for (const auto* address :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",     "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.1.1.1",       "128.0.0.1",         "169.253.1.1",     "172.15.255.255",
        "172.32.0.1",      "192.0.1.1",       "192.167.1.1",       "192.169.1.1",     "198.17.1.1",
        "198.20.1.1",      "223.255.255.255", "2a00:1450:4001::1", "2606:4700::1111", "::ffff:8.8.8.8",
        "64:ff9b::808:808"})
    EXPECT_TRUE(is_public_text(address)) << address;
  for (const auto* address : {"0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.1",
                              "10.255.255.255",
                              "100.64.0.1",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.9.9.9",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.0.2.1",
                              "192.168.1.1",
                              "198.18.0.1",
                              "198.19.255.255",
                              "198.51.100.1",
                              "203.0.113.7",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "::7f00:1",
                              "64:ff9b::7f00:1",
                              "64:ff9b:1::1",
                              "100::1",
                              "2001::1",
                              "2001:db8::1",
                              "2002:7f00:1::",
                              "fc00::1",
                              "fd12:3456::1",
                              "fe80::1",
                              "fec0::1",
                              "ff02::1"})
    EXPECT_FALSE(is_public_text(address)) << address;
  sockaddr unix_socket{};
  unix_socket.sa_family = AF_UNIX;
  EXPECT_FALSE(is_public(unix_socket));
}

TEST(HttpClientAddresses, PrivateOnesAreRefusedWhereTheSocketIsOpenedHoweverTheyAreWritten) {
  ScriptedPeer peer(answers(""));
  Client client(Options{});
  const auto port = ":" + std::to_string(peer.port());
  for (const std::string host : {"127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "127.1", "0177.0.0.1",
                                 "[::ffff:127.0.0.1]", "0.0.0.0"}) {
    const auto result = client.call({.peer = "webhooks", .url = "https://" + host + port + "/"});
    EXPECT_EQ(kind_of(result), Kind::refused_address) << host;
    EXPECT_TRUE(result.error().is_sure_not_sent) << host;
  }
  EXPECT_EQ(peer.connections(), 0);
}

TEST(HttpClientAddresses, ATrustedHostIsTrustedOnItsPortAlone) {
  ScriptedPeer peer(answers("ok"));
  ScriptedPeer other(answers("ok"));
  Client client({.trusted_hosts = {peer.place()}});
  EXPECT_TRUE(client.call(get(peer)));
  EXPECT_EQ(kind_of(client.call(get(other))), Kind::invalid);
}

TEST(HttpClient, TheEnvironmentNamesNoProxyAndTheOptionsDo) {
  ScriptedPeer nowhere([](Connection& connection) { connection.wait_for_its_end(); });
  for (const char* variable : {"http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(variable, ("http://" + nowhere.place()).c_str(), 1);
  ::setenv("no_proxy", "example.org", 1);
  ScriptedPeer peer(answers("direct"));
  {
    Client client(trusting());
    EXPECT_EQ(client.call(get(peer))->body, "direct");
  }
  ScriptedPeer proxy(answers("by the proxy"));
  Client client({.trusted_hosts = {"example.org"}, .proxy = "http://" + proxy.place()});
  EXPECT_EQ(client.call({.peer = "test", .url = "http://example.org/a"})->body, "by the proxy");
  EXPECT_THAT(proxy.requests().at(0), StartsWith("GET http://example.org/a HTTP/1.1\r\n"));
  // Through a tunnel that the proxy refuses nothing of the request is sent.
  const auto refused = client.call({.peer = "test", .method = "POST", .url = "https://example.com/", .body = "x"});
  EXPECT_FALSE(refused);
  EXPECT_TRUE(refused.error().is_sure_not_sent);
  for (const char* variable : {"http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy"})
    ::unsetenv(variable);
}

// TLS.

struct Certificate {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> x509{X509_new(), X509_free};
  std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("parley-http-client-" + std::to_string(::getpid()) + ".pem");

  /// Signed by itself, for an address or a name: "IP:127.0.0.1".
  explicit Certificate(const char* subject) {
    X509_set_version(x509.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), key.get());
    X509_NAME* name = X509_get_subject_name(x509.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x509.get(), name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject);
    X509_add_ext(x509.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x509.get(), key.get(), EVP_sha256());
    FILE* out = std::fopen(file.c_str(), "w");
    PEM_write_X509(out, x509.get());
    std::fclose(out);
  }
  ~Certificate() { std::filesystem::remove(file); }
};

ScriptedPeer::Script answers_by_tls(const Certificate& certificate) {
  return [&certificate](Connection& connection) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context.get(), certificate.x509.get());
    SSL_CTX_use_PrivateKey(context.get(), certificate.key.get());
    const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), SSL_free);
    SSL_set_fd(session.get(), connection.socket());
    if (SSL_accept(session.get()) != 1) return;
    char request[4'096];
    SSL_read(session.get(), request, sizeof request);
    SSL_write(session.get(), kTlsAnswer.data(), static_cast<int>(kTlsAnswer.size()));
    connection.wait_for_its_end();
  };
}

class HttpClientTls : public ::testing::Test {
 protected:
  /// The test's own server writes to clients that have gone.
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
};

TEST_F(HttpClientTls, ACertificateThatDoesNotVerifyEndsTheCallBeforeAnythingIsSent) {
  const Certificate right("IP:127.0.0.1");
  ScriptedPeer peer(answers_by_tls(right));
  const auto called = [&](const std::string& ca_file) {
    Client client({.trusted_hosts = {"127.0.0.1"}, .ca_file = ca_file});
    return client.call({.peer = "test", .method = "POST", .url = "https://" + peer.place() + "/", .body = "x"});
  };
  const auto unknown = called("");
  EXPECT_EQ(kind_of(unknown), Kind::tls);
  EXPECT_TRUE(unknown.error().is_sure_not_sent);
  const auto known = called(right.file);
  ASSERT_TRUE(known) << known.error().text;
  EXPECT_EQ(known->body, "secret");
  EXPECT_EQ(kind_of(called("/no/such/file")), Kind::tls);
}

TEST_F(HttpClientTls, ACertificateOfAnotherNameIsRefused) {
  const Certificate wrong("DNS:example.org");
  ScriptedPeer peer(answers_by_tls(wrong));
  Client client({.trusted_hosts = {"127.0.0.1"}, .ca_file = wrong.file});
  EXPECT_EQ(kind_of(client.call({.peer = "test", .url = "https://" + peer.place() + "/"})), Kind::tls);
}

TEST_F(HttpClientTls, APlainAnswerToAHandshakeIsTls) {
  ScriptedPeer peer([](Connection& connection) {
    connection.read_some(1);
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  Client client(trusting());
  const auto result = client.call({.peer = "test", .url = "https://" + peer.place() + "/"});
  EXPECT_EQ(kind_of(result), Kind::tls);
  EXPECT_TRUE(result.error().is_sure_not_sent);
}

// What is told.

TEST(HttpClient, LogsNameTheHostAndTheTemplateAndNoSecret) {
  ScriptedPeer peer(sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret-answer"));
  ::testing::internal::CaptureStderr();
  Result<Response> result;
  {
    Client client(trusting());
    auto request = post(peer, "secret-body");
    request.url += "bot123:secret-token/getUpdates?key=secret-query";
    request.path_template = "/bot{token}/getUpdates";
    request.fields = {{"Authorization", "secret-field"}};
    request.correlation_id = "c-1";
    result = client.call(std::move(request));
  }
  const auto logged = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, AllOf(HasSubstr(peer.place()), HasSubstr("/bot{token}/getUpdates"), HasSubstr("broken_off"),
                            HasSubstr("c-1"), Not(HasSubstr("secret"))));
  EXPECT_THAT(result.error().text, Not(HasSubstr("secret")));
}

TEST(HttpClient, CallsAreCountedByPeerAndOutcome) {
  ScriptedPeer peer(answers("", "503 Service Unavailable\r\n"));
  ScriptedPeer dying(sends(""));
  Client client(trusting());
  auto request = get(peer);
  request.peer = "counted";
  ASSERT_TRUE(client.call(std::move(request)));
  request = post(dying);
  request.peer = "counted";
  ASSERT_FALSE(client.call(std::move(request)));
  const auto of = [](const std::string& outcome) {
    return metrics::sample("parley_http_client_calls_total{outcome=\"" + outcome + "\",peer=\"counted\"}");
  };
  EXPECT_EQ(of("5xx"), 1);
  EXPECT_EQ(of("broken_off"), 1);
  EXPECT_EQ(metrics::sample("parley_http_client_seconds_count{peer=\"counted\"}"), 2);
  EXPECT_EQ(metrics::sample("parley_http_client_in_flight{peer=\"counted\"}"), 0);
}

}  // namespace
}  // namespace parley::http_client
