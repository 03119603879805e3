#include "api/streams/history_reader.h"

#include <fmt/format.h>

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "platform/log/log.h"

namespace parley::api {
namespace {

constexpr std::size_t kTidyMin = 1'024;

}  // namespace

HistoryReader::HistoryReader(HistorySource& source, Options options)
    : source_(source), options_(options), tidy_at_(kTidyMin), backoff_(options.retry_min, options.retry_max) {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), fmt::format("history-{}", i).c_str());
  }
}

std::expected<bool, HistoryUnavailable> HistoryReader::StreamWaiter::turn(HistorySource& source) {
  const auto wanted = request();
  if (!wanted) return false;
  auto history = source.read(*wanted);
  if (!history) return std::unexpected(std::move(history.error()));
  loaded(std::move(*history));
  return true;
}

bool HistoryReader::enqueue(std::weak_ptr<Waiter> waiter) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return true;
  tidy();
  line_.push_back(std::move(waiter));
  changed_.notify_one();
  return !failing_ && source_.connected();
}

/// While nothing can be read nobody's turn comes, and clients that come and go would make the line longer and longer.
void HistoryReader::tidy() {
  if (line_.size() < tidy_at_) return;
  std::erase_if(line_, [](const auto& waiter) { return waiter.expired(); });
  tidy_at_ = std::max(kTidyMin, 2 * line_.size());
}

void HistoryReader::retry_now() {
  const std::lock_guard lock(mutex_);
  if (!failing_) return;
  retry_at_ = Clock::now();
  changed_.notify_all();
}

std::size_t HistoryReader::waiting() const {
  const std::lock_guard lock(mutex_);
  return line_.size();
}

void HistoryReader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    line_.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void HistoryReader::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (line_.empty() || probing_) {
      changed_.wait(lock);
    } else if (failing_ && Clock::now() < retry_at_) {
      changed_.wait_until(lock, retry_at_);
    } else {
      probing_ = failing_;
      read_first(lock);
      probing_ = false;
    }
  }
}

void HistoryReader::read_first(std::unique_lock<std::mutex>& lock) {
  const std::weak_ptr<Waiter> first = std::move(line_.front());
  line_.pop_front();
  lock.unlock();
  const auto waiter = first.lock();
  std::expected<bool, HistoryUnavailable> has_read = false;
  try {
    if (waiter) has_read = waiter->turn(source_);
  } catch (const std::exception& e) {
    has_read = std::unexpected(HistoryUnavailable{e.what()});
  }
  lock.lock();
  if (has_read && !*has_read) return;
  reads_.add();
  if (!has_read) {
    fail(lock, waiter, has_read.error().text);
    return;
  }
  if (std::exchange(failing_, false)) {
    backoff_.reset();
    changed_.notify_all();
    log::info("history can be read again", {{"waiting", line_.size()}});
  }
}

void HistoryReader::fail(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Waiter>& tried,
                         const std::string& why) {
  failures_.add();
  retry_at_ = Clock::now() + backoff_.next();
  std::vector<std::weak_ptr<Waiter>> told;
  if (!std::exchange(failing_, true)) {
    told.assign(line_.begin(), line_.end());
    log::warn("history cannot be read: streams wait for it", {{"waiting", line_.size()}, {"reason", why}});
  }
  told.push_back(tried);
  line_.push_back(tried);  // not in front: should only this one be unreadable, the others are not held up by it
  lock.unlock();
  for (const auto& each : told) {
    if (const auto waiter = each.lock()) waiter->delayed();
  }
  lock.lock();
}

}  // namespace parley::api
