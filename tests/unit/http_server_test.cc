// The HTTP kernel in this process, seen through raw sockets.
#include "api/http/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "api/http/blocking.h"
#include "api/http/executor.h"
#include "tests/unit/http_client.h"

namespace parley::http {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Client;

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What handlers leave for a test to find.
template <class T>
class Shelf {
 public:
  void put(T thing) {
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
  }
  std::vector<T> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(things_, {});
  }
  std::vector<T> copy() {
    const std::lock_guard lock(mutex_);
    return things_;
  }
  bool waits_for(std::size_t count) {
    return eventually([&] { return copy().size() == count; });
  }

 private:
  std::mutex mutex_;
  std::vector<T> things_;
};

struct Line {
  std::string method, route, request_id;
  int status;
  bool streaming;
};

Response text(std::string body) {
  return {.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = std::move(body)};
}

class HttpServer : public ::testing::Test {
 protected:
  ~HttpServer() override {
    held_.take();
    streams_.take();
    executor_.stop();
    server_->stop();
  }

  void start(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options, routes(), hooks());
    server_->start();
  }
  Client connect() { return Client(server_->port()); }
  const Counters& counters() { return server_->counters(); }
  Answer ask(std::string_view bytes, bool head_only = false) {
    Client client(server_->port());
    client.send(bytes);
    return client.read(head_only).value_or(Answer{});
  }
  Answer get(std::string_view target, std::string_view lines = "") {
    return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(lines) + "\r\n");
  }

  Routes routes() {
    Routes routes;
    routes.add("GET", "/echo/{id}", [](const Request& request, const Responder& responder) {
      responder.send(text(std::string(request.path.find("id").value()) + "|" +
                          std::string(request.query.find("q").value_or("-"))));
    });
    routes.add("POST", "/echo",
               [](const Request& request, const Responder& responder) { responder.send(text(request.body)); });
    routes.add(
        "POST", "/small",
        [](const Request& request, const Responder& responder) { responder.send(text(request.body)); }, 100);
    routes.add("GET", "/async/{id}", blocking(executor_, [](const Request& request, const Responder& responder) {
                 responder.send(text(std::string(request.path.find("id").value())));
               }));
    routes.add("GET", "/async-throw",
               blocking(executor_, [](const Request&, const Responder&) { throw std::logic_error("a secret"); }));
    routes.add("GET", "/held", [this](const Request&, Responder responder) { held_.put(std::move(responder)); });
    routes.add("GET", "/big",
               [](const Request&, const Responder& responder) { responder.send(text(std::string(16 << 20, 'x'))); });
    routes.add("GET", "/throw", [](const Request&, const Responder&) { throw std::runtime_error("a secret"); });
    routes.add("GET", "/throw-int", [](const Request&, const Responder&) { throw 42; });
    routes.add("GET", "/drop", [](const Request&, const Responder&) {});
    routes.add("GET", "/forged", [](const Request&, const Responder& responder) {
      responder.send({.status = 200, .headers = {{"X-A", "1\r\nSet-Cookie: stolen"}}, .body = "x"});
    });
    routes.add("GET", "/always/{how}", [this](const Request& request, const Responder& responder) {
      responder.always({{"X-Said", "earlier"}});
      responder.always({{"X-Said", "always"}, {"X-Peer", request.peer_address}});
      const auto how = request.path.find("how");
      if (how == "throw") throw std::runtime_error("a secret");
      if (how == "own") responder.send({.status = 200, .headers = {{"X-Said", "own"}}, .body = "x"});
      if (how == "stream") streams_.put(EventStream::start(responder, [this] { ++closed_streams_; }));
    });
    routes.add("GET", "/broken", [](const Request&, const Responder& responder) {
      EXPECT_TRUE(responder.break_off("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
      EXPECT_FALSE(responder.send(text("whole")));
    });
    routes.add("GET", "/twice", [this](const Request&, const Responder& responder) {
      EXPECT_TRUE(responder.send(text("first")));
      EXPECT_FALSE(responder.send(text("second")));
    });
    routes.add("GET", "/stream", [this](const Request&, const Responder& responder) {
      ++opened_streams_;
      streams_.put(EventStream::start(responder, [this] { ++closed_streams_; }));
    });
    return routes;
  }
  Hooks hooks() {
    return {.error =
                [](const KernelError& error) {
                  auto response =
                      Response::json(error.refusal.status,
                                     "{\"error\":{\"code\":\"" + std::string(error.refusal.code) + "\",\"message\":\"" +
                                         (error.accept_language == "en" ? "English" : "Russian") + "\"}}");
                  if (!error.origin.empty())
                    response.headers.set("X-Asked",
                                         std::string(error.path_pattern) + " from " + std::string(error.origin));
                  return response;
                },
            .answered =
                [this](const Answered& answered) {
                  log_.put({std::string(answered.method), std::string(answered.route), std::string(answered.request_id),
                            answered.status, answered.streaming});
                },
            .failed = [this](const Failure& failure) { failures_.put(std::string(failure.cause)); }};
  }

  Executor executor_{{.name = "test", .threads = 2, .queue_max = 1'024}};
  Shelf<Responder> held_;
  Shelf<EventStream> streams_;
  Shelf<Line> log_;
  Shelf<std::string> failures_;
  std::atomic<int> opened_streams_ = 0;
  std::atomic<int> closed_streams_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, ABodyOverTheLimitOfItsEndpointIsNotRead) {
  start();
  const auto announce = [](std::size_t bytes, std::string_view path, std::string_view lines = "") {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(bytes) +
           "\r\n" + std::string(lines) + "\r\n";
  };
  EXPECT_EQ(ask(announce(100, "/small") + std::string(100, 'x')).body, std::string(100, 'x'));
  const auto with_body = ask(announce(101, "/small") + std::string(101, 'x'));
  EXPECT_EQ(with_body.status, 413);
  EXPECT_NE(with_body.body.find("PAYLOAD_TOO_LARGE"), std::string::npos);
  for (const auto* expect : {"", "Expect: 100-continue\r\n"}) {
    EXPECT_EQ(ask(announce(101, "/small", expect)).status, 413) << "without a byte of the body";
    EXPECT_EQ(ask(announce(101, "/small/", expect)).status, 413);
  }
  EXPECT_EQ(ask(announce(101, "/echo") + std::string(101, 'x')).status, 200) << "the limit is one endpoint's";
  EXPECT_EQ(ask(announce(101, "/nothing") + std::string(101, 'x')).status, 404);
  EXPECT_EQ(ask("PUT /small HTTP/1.1\r\nHost: test\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x')).status,
            405);
}

TEST_F(HttpServer, AnswersManyRequestsOnOneConnection) {
  start();
  Client client(server_->port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.get("/echo/" + std::to_string(i) + "%2F?q=a+b"));
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, std::to_string(i) + "/|a b");
    EXPECT_TRUE(answer->has("Connection: keep-alive"));
  }
  EXPECT_EQ(counters().open_connections, 1);
}

TEST_F(HttpServer, ReadsBodiesInPiecesAndSaysContinueWhenAsked) {
  start();
  Client client(server_->port());
  client.send("POST /echo HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
  ASSERT_TRUE(client.read_to("100 Continue\r\n\r\n"));
  client.take_unread();
  client.send("01234");
  client.send("56789");
  EXPECT_EQ(client.read().value_or(Answer{}).body, "0123456789");
}

TEST_F(HttpServer, AnswersErrorsInTheProductsFormAndTheCallersLanguage) {
  start();
  const Answer missing = get("/nowhere", "X-Request-Id: caller-1\r\nAccept-Language: en\r\n");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, R"({"error":{"code":"NOT_FOUND","message":"English"}})");
  EXPECT_TRUE(missing.has("X-Request-Id: caller-1\r\n"));
  EXPECT_TRUE(missing.has("Content-Type: application/json\r\n"));
  EXPECT_EQ(get("/echo/%zz").status, 400);
  EXPECT_TRUE(get("/echo/%zz", "Accept-Language: en\r\n").body.contains("English"));
  EXPECT_EQ(get("/echo/%00").status, 400);
  EXPECT_EQ(get("/echo/a?q=1&q=2").status, 400);
  EXPECT_FALSE(get("/nowhere", "X-Request-Id: \"forged\"\r\n").has("forged"));
}

TEST_F(HttpServer, SaysOfItsErrorsWhichPathWasAskedForAndFromWhichOrigin) {
  start({.limits = {.request = {.body_bytes_max = 10}}});
  const auto asked = [&](std::string_view line, std::string_view fields = "") {
    const auto answer = ask(std::string(line) + " HTTP/1.1\r\nHost: test\r\nOrigin: https://shop.example\r\n" +
                            std::string(fields) + "\r\n");
    const auto at = answer.head.find("X-Asked: ");
    return std::to_string(answer.status) + " " +
           (at == std::string::npos ? "" : answer.head.substr(at + 9, answer.head.find("\r\n", at) - at - 9));
  };
  EXPECT_EQ(asked("DELETE /echo/1"), "405 /echo/{id} from https://shop.example");
  EXPECT_EQ(asked("GET /echo/1?a=1&a=2"), "400 /echo/{id} from https://shop.example");
  EXPECT_EQ(asked("POST /ech%6f/", "Content-Length: 11\r\n"), "413 /echo from https://shop.example");
  EXPECT_EQ(asked("POST /echo", "Transfer-Encoding: chunked\r\n"), "411 /echo from https://shop.example");
  EXPECT_EQ(asked("GET /throw"), "500 /throw from https://shop.example");
  EXPECT_EQ(asked("GET /nowhere"), "404  from https://shop.example");
  EXPECT_EQ(asked("GET /nowhere", "Content-Length: 11\r\n"), "413  from https://shop.example");
  EXPECT_EQ(asked("GET /%zz"), "400  from https://shop.example");
  EXPECT_EQ(asked("GET /echo/1", "No colon\r\n"), "400 /echo/{id} from https://shop.example")
      << "what was read before the fault counts";
}

TEST_F(HttpServer, KnowsTheMethodsOfAPath) {
  start();
  for (const char* method : {"POST", "DELETE", "TRACE", "QUERY", "PROPFIND"}) {
    const Answer answer = ask(std::string(method) + " /echo/1 HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_TRUE(answer.has("Allow: GET, HEAD, OPTIONS\r\n")) << method;
  }
  EXPECT_EQ(ask("QUERY /nowhere HTTP/1.1\r\nHost: test\r\n\r\n").status, 404);
  const Answer options = ask("OPTIONS /echo HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_TRUE(options.has("Allow: POST, OPTIONS\r\n"));
  EXPECT_FALSE(options.has("Content-Length"));
}

TEST_F(HttpServer, AnswersHeadWithTheHeadOfGet) {
  start();
  Client client(server_->port());
  client.send("HEAD /echo/12345 HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto head = client.read(true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->has("Content-Length: 7\r\n"));
  client.get("/echo/1");
  EXPECT_EQ(client.read().value_or(Answer{}).body, "1|-") << "no body may stand between";
}

TEST_F(HttpServer, ClosesWhenAskedToAndForHttp10) {
  start();
  Client client(server_->port());
  client.get("/echo/1", "Connection: close\r\n");
  EXPECT_TRUE(client.read().value_or(Answer{}).has("Connection: close\r\n"));
  EXPECT_TRUE(client.is_at_end());
  Client old(server_->port());
  old.send("GET /echo/1 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.read().value_or(Answer{}).body, "1|-");
  EXPECT_TRUE(old.is_at_end());
}

TEST_F(HttpServer, AnswersAClientThatHasClosedItsSendingSide) {
  start();
  Client client(server_->port());
  client.get("/held");
  ASSERT_TRUE(held_.waits_for(1));
  client.end_sending();
  ASSERT_TRUE(eventually([&] { return held_.copy()[0].gone(); }));
  EXPECT_TRUE(held_.take()[0].send(text("late")));
  EXPECT_EQ(client.read().value_or(Answer{}).body, "late");
  EXPECT_TRUE(client.is_at_end());
}

struct BadInput {
  const char* name;
  std::string bytes;
  int status;
};
class HttpServerBadInput : public HttpServer, public ::testing::WithParamInterface<BadInput> {};

TEST_P(HttpServerBadInput, IsRefusedAndTheConnectionEnds) {
  start();
  Client client(server_->port());
  client.send(GetParam().bytes);
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status);
  EXPECT_TRUE(answer->body.starts_with(R"({"error":{"code":")")) << answer->body;
  EXPECT_TRUE(answer->has("Connection: close\r\n"));
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(counters().rejected_inputs, 1U);
  EXPECT_EQ(get("/echo/1").status, 200) << "others are served on";
}

std::string post(std::string_view lines, std::string_view body = "") {
  return "POST /echo HTTP/1.1\r\nHost: test\r\n" + std::string(lines) + "\r\n" + std::string(body);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, HttpServerBadInput,
    ::testing::Values(
        BadInput{"Garbage", "\x16\x03\x01\x02\x01 hello\r\n\r\n", 400},
        BadInput{"ChunkedSplitInsideALineEnd", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r"), 411},
        BadInput{"ChunkedAndLength", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "hello"), 411},
        BadInput{"SixteenThousandSlashes", "GET " + std::string(16'000, '/') + " HTTP/1.1\r\nHost: test\r\n\r\n", 414},
        BadInput{"DoubleSlash", "GET /echo//1 HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        BadInput{"LongTarget", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: test\r\n\r\n", 414},
        BadInput{"LongHeader", post("X-A: " + std::string(20'000, 'a') + "\r\n"), 431},
        BadInput{"NegativeLength", post("Content-Length: -5\r\n"), 400},
        BadInput{"TwoLengths", post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400},
        BadInput{"HugeLength", post("Content-Length: 18446744073709551616\r\n"), 413},
        BadInput{"BodyOverTheLimit", post("Content-Length: 1048577\r\n", std::string(1'048'577, 'a')), 413},
        BadInput{"TwoHosts", post("Host: other\r\n"), 400}, BadInput{"NoHost", "GET /echo/1 HTTP/1.1\r\n\r\n", 400},
        BadInput{"FoldedHeader", post("X-A: 1\r\n 2\r\n"), 400},
        BadInput{"NulInHeader", post(std::string("X-A: a\0b\r\n", 10)), 400},
        BadInput{"BareLineFeeds", "GET /echo/1 HTTP/1.1\nHost: test\n\n", 400},
        BadInput{"UnknownExpectation", post("Expect: wonders\r\n"), 417},
        BadInput{"Http2", "GET /echo/1 HTTP/2.0\r\nHost: test\r\n\r\n", 505},
        BadInput{"Pipelined", "GET /echo/1 HTTP/1.1\r\nHost: test\r\n\r\nGET /echo/2 HTTP/1.1\r\nHost: test\r\n\r\n",
                 400}),
    [](const auto& info) { return info.param.name; });

TEST_F(HttpServer, EndsTheConnectionAfterTheAnswerWhenMoreCameMeanwhile) {
  start({.io_threads = 1});
  Client client(server_->port());
  client.get("/held");
  ASSERT_TRUE(held_.waits_for(1));
  client.get("/echo/too-early");
  EXPECT_EQ(get("/echo/1").status, 200);  // the one I/O thread has seen what came before this
  held_.take()[0].send(text("mine"));
  EXPECT_EQ(client.read().value_or(Answer{}).body, "mine");
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(counters().requests, 2U) << "what came too early was never a request";
}

TEST_F(HttpServer, AnswersWhatNoTypedHeaderParserOfPistacheWouldTake) {
  start();
  const Answer answer = get(
      "/echo/1",
      "Accept: */*\r\nCookie: foo\r\nCache-Control: what\r\nContent-Type: foo\r\nDate: never\r\nAuthorization: x\r\n");
  EXPECT_EQ(answer.status, 200);
}

TEST_F(HttpServer, TellsSlowSendersThatTheyAreLate) {
  start({.timeouts = {.head = 200ms, .body = 200ms, .keep_alive = 200ms}});
  Client slow_head(server_->port());
  Client slow_body(server_->port());
  Client silent(server_->port());
  slow_head.send("GET /echo/1 HTTP/1.1\r\n");
  slow_body.send(post("Content-Length: 10\r\n", "12345"));
  for (Client* client : {&slow_head, &slow_body}) {
    const auto answer = client->read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 408);
    EXPECT_TRUE(client->is_at_end());
  }
  EXPECT_TRUE(silent.is_at_end()) << "no request, no answer";
  EXPECT_EQ(counters().timed_out, 2U);
}

TEST_F(HttpServer, AnswersAreNeverLateByThoseTimeouts) {
  start({.timeouts = {.head = 300ms, .body = 300ms, .keep_alive = 300ms}});
  Client waiting(server_->port());
  Client streaming(server_->port());
  waiting.get("/held");
  streaming.get("/stream");
  ASSERT_TRUE(held_.waits_for(1) && streams_.waits_for(1));
  Client idle(server_->port());
  EXPECT_TRUE(idle.is_at_end());  // so the timeouts have passed for all
  held_.take()[0].send(text("in time"));
  streams_.copy()[0].write(std::make_shared<const std::string>("data: x\n\n"));
  EXPECT_EQ(waiting.read().value_or(Answer{}).body, "in time");
  EXPECT_TRUE(streaming.read_to("data: x\n\n"));
}

TEST_F(HttpServer, HandlersThatFailBecomeGeneric500s) {
  start();
  for (const char* target : {"/throw", "/throw-int", "/async-throw", "/drop", "/forged"}) {
    const Answer answer = get(target, "X-Request-Id: find-me\r\n");
    EXPECT_EQ(answer.status, 500) << target;
    EXPECT_TRUE(answer.has("X-Request-Id: find-me")) << target;
    EXPECT_FALSE((answer.head + answer.body).contains("secret") || answer.has("stolen")) << answer.body;
  }
  EXPECT_EQ(failures_.take(),
            (std::vector<std::string>{"std::runtime_error", "int", "std::logic_error", "dropped", "invalid header"}));
}

TEST_F(HttpServer, GivesWhatIsAlwaysSaidToEveryAnswer) {
  start();
  for (const char* how : {"throw", "drop"}) {
    const Answer failed = get(std::string("/always/") + how);
    EXPECT_EQ(failed.status, 500) << how;
    EXPECT_TRUE(failed.has("X-Said: always\r\n")) << how;
    EXPECT_FALSE(failed.has("earlier")) << how;
    EXPECT_TRUE(failed.has("X-Peer: 127.0.0.1\r\n")) << how;
  }
  const Answer own = get("/always/own");
  EXPECT_TRUE(own.has("X-Said: own\r\n"));
  EXPECT_FALSE(own.has("X-Said: always"));
  EXPECT_TRUE(own.has("X-Peer: "));
  Client client(server_->port());
  client.get("/always/stream");
  ASSERT_TRUE(client.read_to("\r\n\r\n"));
  EXPECT_TRUE(client.take_unread().contains("X-Said: always\r\n"));
}

TEST_F(HttpServer, AnswersOnce) {
  start();
  EXPECT_EQ(get("/twice").body, "first");
}

TEST_F(HttpServer, AnAnswerMayBreakOffAndEndsTheConnection) {
  start();
  auto client = connect();
  client.get("/broken");
  EXPECT_FALSE(client.read_to("whole"));
  EXPECT_EQ(client.take_unread(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
}

TEST_F(HttpServer, LogsTheRouteAndNeverThePath) {
  start();
  get("/echo/17?q=token", "X-Request-Id: r1\r\n");
  ASSERT_TRUE(log_.waits_for(1));
  const Line line = log_.take()[0];
  EXPECT_EQ(line.route, "/echo/{id}");
  EXPECT_EQ(line.method, "GET");
  EXPECT_EQ(line.request_id, "r1");
  EXPECT_EQ(line.status, 200);
}

TEST_F(HttpServer, StreamsEventsInChunksUntilClosed) {
  start();
  Client client(server_->port());
  client.get("/stream");
  ASSERT_TRUE(client.read_to("\r\n\r\n"));
  const std::string head = client.take_unread();
  for (const char* field : {"200 OK", "Content-Type: text/event-stream\r\n", "Cache-Control: no-cache\r\n",
                            "X-Accel-Buffering: no\r\n", "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_TRUE(head.contains(field)) << field;
  }
  ASSERT_TRUE(streams_.waits_for(1));
  const EventStream stream = streams_.take()[0];
  EXPECT_TRUE(stream.write(std::make_shared<const std::string>("id: 1\ndata: hello\n\n")));
  EXPECT_TRUE(stream.write(std::make_shared<const std::string>("")));
  EXPECT_TRUE(client.read_to("13\r\nid: 1\ndata: hello\n\n\r\n"));
  client.take_unread();
  EXPECT_EQ(counters().streams, 1);
  stream.close();
  stream.close();
  EXPECT_TRUE(client.read_to("0\r\n\r\n"));
  client.take_unread();
  EXPECT_TRUE(client.is_at_end());
  EXPECT_FALSE(stream.write(std::make_shared<const std::string>("late")));
  EXPECT_TRUE(eventually([&] { return closed_streams_ == 1; }));
  EXPECT_EQ(counters().streams, 0);
}

TEST_F(HttpServer, SaysOnceThatAStreamIsOverHoweverItEnds) {
  start();
  Client leaves(server_->port());
  Client aborts(server_->port());
  leaves.get("/stream");
  aborts.get("/stream");
  ASSERT_TRUE(streams_.waits_for(2));
  leaves.close();
  aborts.abort();
  EXPECT_TRUE(eventually([&] { return closed_streams_ == 2; }));
  for (const EventStream& stream : streams_.copy()) EXPECT_FALSE(stream.is_open());
  streams_.take();
  const Answer head = ask("HEAD /stream HTTP/1.1\r\nHost: test\r\n\r\n", true);
  EXPECT_TRUE(head.has("Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(eventually([&] { return closed_streams_ == 3; }));
  Client forgotten(server_->port());
  forgotten.get("/stream");
  ASSERT_TRUE(streams_.waits_for(2));  // HEAD's is there too
  streams_.take();                     // the last handle of a stream ends it
  EXPECT_TRUE(eventually([&] { return closed_streams_ == 4; }));
}

TEST_F(HttpServer, CutsASlowReaderAndSparesTheOthers) {
  start({.limits = {.stream_buffer_bytes_max = 64 * 1'024}});
  Client slow(server_->port(), 4'096);
  slow.get("/stream");
  ASSERT_TRUE(streams_.waits_for(1));
  Client quick(server_->port());
  quick.get("/stream");
  ASSERT_TRUE(streams_.waits_for(2));
  const std::vector<EventStream> streams = streams_.take();
  const auto frame = std::make_shared<const std::string>("data: " + std::string(8'000, 'x') + "\n\n");
  int frames = 0;
  for (bool is_slow_served = true; is_slow_served; ++frames) {
    ASSERT_LT(frames, 10'000) << "nobody cut the slow reader";
    is_slow_served = streams[0].write(frame);
    ASSERT_TRUE(streams[1].write(frame));
    ASSERT_TRUE(quick.read_to("xx\n\n\r\n"));
    quick.take_unread();
  }
  EXPECT_EQ(counters().cut_slow_readers, 1U);
  EXPECT_TRUE(eventually([&] { return closed_streams_ == 1; }));
  EXPECT_TRUE(streams[1].is_open());
}

TEST_F(HttpServer, FinishesABigAnswerForAReaderThatTakesItsTime) {
  start();
  Client client(server_->port(), 4'096);
  client.get("/big");
  EXPECT_EQ(client.read().value_or(Answer{}).body.size(), 16U << 20);
  client.get("/echo/1");
  EXPECT_EQ(client.read().value_or(Answer{}).body, "1|-");
}

TEST_F(HttpServer, GivesUpOnAnAnswerThatNobodyReads) {
  start({.timeouts = {.write = 100ms}});
  Client client(server_->port(), 4'096);
  client.get("/big");
  EXPECT_TRUE(eventually([&] { return counters().timed_out == 1; }));
  EXPECT_TRUE(eventually([&] { return counters().in_flight == 0; }));
}

TEST_F(HttpServer, RefusesConnectionsOverTheLimit) {
  start({.limits = {.connections_max = 2}});
  Client first(server_->port());
  Client second(server_->port());
  first.get("/echo/1");
  second.get("/echo/2");
  EXPECT_EQ(first.read().value_or(Answer{}).status, 200);
  EXPECT_EQ(second.read().value_or(Answer{}).status, 200);
  const Answer third = get("/echo/3");
  EXPECT_EQ(third.status, 503);
  EXPECT_TRUE(third.has("Retry-After: "));
  first.close();
  EXPECT_TRUE(eventually([&] { return get("/echo/3").status == 200; }));
}

TEST_F(HttpServer, RefusesRequestsThatTogetherAreTooLargeForItsMemory) {
  start({.limits = {.input_bytes_max = 100'000}});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(server_->port()));
    clients.back()->send(post("Content-Length: 60000\r\n", std::string(40'000, 'x')));
  }
  ASSERT_TRUE(eventually([&] { return counters().overloaded == 3; })) << "there is room for one";
  EXPECT_EQ(get("/echo/1").status, 200) << "what fits is served";
  int served = 0;
  for (const auto& client : clients) {
    client->send(std::string(20'000, 'x'));
    const Answer answer = client->read().value_or(Answer{});
    if (answer.status == 200) {
      ++served;
      continue;
    }
    EXPECT_EQ(answer.status, 503);
    EXPECT_TRUE(answer.has("Retry-After: 1\r\n"));
    EXPECT_TRUE(answer.body.contains("OVERLOADED"));
  }
  EXPECT_EQ(served, 1);
  clients.clear();
  EXPECT_TRUE(
      eventually([&] { return ask(post("Content-Length: 60000\r\n", std::string(60'000, 'x'))).status == 200; }));
}

TEST_F(HttpServer, RefusesLargeAnswersWhileTooMuchIsNotRead) {
  start({.limits = {.unsent_bytes_max = 20 << 20}});
  {
    Client idle(server_->port(), 4'096);
    idle.get("/big");
    ASSERT_TRUE(eventually([&] { return counters().unsent_bytes > 4 << 20; }));
    const Answer answer = get("/big");
    EXPECT_EQ(answer.status, 503);
    EXPECT_TRUE(answer.has("Retry-After: 1\r\n"));
    EXPECT_EQ(get("/echo/1").status, 200);
  }
  EXPECT_TRUE(eventually([&] { return counters().unsent_bytes == 0; }));
  EXPECT_EQ(get("/big").status, 200);
}

TEST_F(HttpServer, CutsReadersThatAreBehindWhenAllTogetherHoldTooMuch) {
  start({.limits = {.unsent_bytes_max = 64 * 1'024, .stream_buffer_bytes_max = 64 << 20}});
  Client slow(server_->port(), 4'096);
  slow.get("/stream");
  ASSERT_TRUE(streams_.waits_for(1));
  Client quick(server_->port());
  quick.get("/stream");
  ASSERT_TRUE(streams_.waits_for(2));
  const std::vector<EventStream> streams = streams_.take();
  const auto frame = std::make_shared<const std::string>("data: " + std::string(8'000, 'x') + "\n\n");
  for (int frames = 0; streams[0].write(frame); ++frames) ASSERT_LT(frames, 10'000) << "nobody cut the slow reader";
  EXPECT_EQ(counters().cut_slow_readers, 1U);
  EXPECT_EQ(counters().unsent_bytes, 0);
  EXPECT_TRUE(streams[1].write(frame));
  EXPECT_TRUE(quick.read_to("xx\n\n\r\n"));
}

TEST_F(HttpServer, SaysUnavailableWhenTheExecutorIsFull) {
  start();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  for (int thread = 0; thread < 2; ++thread) ASSERT_TRUE(executor_.try_post([opened] { opened.wait(); }));
  ASSERT_TRUE(eventually(
      [&] { return executor_.queue_depth() == 0; }));  // both threads are busy: the queue can be filled for good
  while (executor_.try_post([opened] { opened.wait(); })) {
  }
  const Answer answer = get("/async/1");
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.has("Retry-After: 1\r\n"));
  gate.set_value();
  EXPECT_TRUE(eventually([&] { return get("/async/1").status == 200; }));
}

TEST_F(HttpServer, DrainDropsNoRequest) {
  start();
  Client busy(server_->port());
  Client idle(server_->port());
  Client streaming(server_->port());
  idle.get("/echo/1");
  ASSERT_TRUE(idle.read());
  busy.get("/held");
  streaming.get("/stream");
  ASSERT_TRUE(held_.waits_for(1) && streams_.waits_for(1));
  bool is_drained = false;
  std::thread draining([&] { is_drained = server_->drain(5s); });
  EXPECT_TRUE(idle.is_at_end());
  EXPECT_TRUE(streaming.read_to("0\r\n\r\n"));
  EXPECT_THROW(Client(server_->port()), std::runtime_error);
  held_.take()[0].send(text("kept"));
  const auto answer = busy.read();
  draining.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "kept");
  EXPECT_TRUE(answer->has("Connection: close\r\n"));
  EXPECT_TRUE(is_drained);
}

TEST_F(HttpServer, DrainUnderLoadAnswersEveryRequestThatAHandlerGot) {
  start();
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    // Connected before the drain can begin, however late the thread runs.
    clients.emplace_back([client = std::make_unique<Client>(server_->port()), &answered] {
      while (client->get("/async/1")) {
        const auto answer = client->read();
        if (!answer || answer->status != 200) return;
        ++answered;
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return answered > 100; }));
  EXPECT_TRUE(server_->drain(5s));
  for (std::thread& client : clients) client.join();
  server_->stop();
  EXPECT_EQ(counters().requests, static_cast<std::uint64_t>(answered));
}

TEST_F(HttpServer, SaysThatItCannotListen) {
  start();
  Server second({.port = server_->port()}, routes(), hooks());
  EXPECT_THROW(second.start(), std::runtime_error);
}

TEST_F(HttpServer, InventsNoLabelsForMetrics) {
  start();
  ask("INVENTED-17 /echo/1 HTTP/1.1\r\nHost: test\r\n\r\n");
  ASSERT_TRUE(log_.waits_for(1));
  EXPECT_EQ(log_.take()[0].method, "OTHER");
}

TEST_F(HttpServer, DrainSaysWhenItCouldNotWait) {
  start();
  Client busy(server_->port());
  busy.get("/held");
  ASSERT_TRUE(held_.waits_for(1));
  EXPECT_FALSE(server_->drain(10ms));
  server_->stop();
  EXPECT_FALSE(held_.take()[0].send(text("to nobody")));
}

TEST_F(HttpServer, GivesNobodyTheAnswerOfAnotherWhileClientsComeAndGo) {
  start();
  constexpr auto kDuration = 3s;
  std::atomic<int> answered = 0;
  std::atomic<int> left = 0;
  std::atomic<int> busy = 0;
  std::atomic<int> wrong = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < 6; ++seed) {
    clients.emplace_back([&, seed] {
      std::mt19937 random(seed);
      const auto end = std::chrono::steady_clock::now() + kDuration;
      for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
        const std::string id = std::to_string(seed) + "-" + std::to_string(i);
        Client client(server_->port());
        client.get("/async/" + id);
        if (random() % 2 == 0) {
          ++left;
          if (random() % 2 == 0) client.abort();
          continue;
        }
        const auto answer = client.read();
        if (!answer)
          ++lost;
        else if (answer->status == 503)
          ++busy;
        else if (answer->body != id)
          ++wrong;
        else
          ++answered;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(lost, 0);
  EXPECT_GT(answered, 100);
  EXPECT_GT(left, 100);
  EXPECT_TRUE(eventually([&] { return counters().in_flight == 0 && counters().open_connections == 0; }))
      << counters().in_flight << " in flight, " << counters().open_connections << " open";
  RecordProperty("answered", answered);
  RecordProperty("left", left);
  std::cout << answered << " answered, " << left << " left early, " << busy << " told to come back\n";
}

TEST_F(HttpServer, IsLeftCleanByClientsOfEveryKindAtOnce) {
  start({.limits = {.stream_buffer_bytes_max = 64 * 1'024},
         .timeouts = {.head = 300ms, .body = 300ms, .write = 300ms, .linger = 300ms}});
  constexpr auto kDuration = 2s;
  const auto end = std::chrono::steady_clock::now() + kDuration;
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < 6; ++seed) {
    clients.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (std::chrono::steady_clock::now() < end) {
        Client client(server_->port(), 4'096);
        switch (random() % 8) {
          case 0:
            client.get("/stream");
            client.read_to("\r\n\r\n");
            break;
          case 1:
            client.get("/stream");
            break;
          case 2:
            client.get("/big");
            break;
          case 3:
            client.send("GET /echo/1 HTT");
            break;
          case 4:
            client.send(post("Content-Length: 100\r\n", "half"));
            break;
          case 5:
            client.send("\x16\x03\x01 nonsense\r\n\r\n");
            break;
          case 6:
            client.get("/async/1");
            client.get("/async/2");
            break;
          default:
            client.get("/drop");
            client.read();
            break;
        }
        if (random() % 2 == 0) client.abort();
      }
    });
  }
  const auto frame = std::make_shared<const std::string>("data: " + std::string(2'000, 'x') + "\n\n");
  while (std::chrono::steady_clock::now() < end) {
    const auto streams = streams_.copy();
    for (const EventStream& stream : streams) stream.write(frame);
    if (streams.size() > 200) streams_.take();
    std::this_thread::yield();
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(eventually([&] {
    streams_.take();
    return counters().open_connections == 0 && counters().in_flight == 0 && counters().streams == 0;
  })) << counters().open_connections
      << " open, " << counters().in_flight << " in flight, " << counters().streams << " streams";
  EXPECT_GT(opened_streams_, 0);
  EXPECT_TRUE(eventually([&] { return closed_streams_ == opened_streams_; }))
      << closed_streams_ << " of " << opened_streams_;
  EXPECT_EQ(get("/echo/1").status, 200);
}

}  // namespace
}  // namespace parley::http
