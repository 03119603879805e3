#pragma once
// Internal to reactors: what they count. docs/metrics.md lists it.
#include <array>
#include <chrono>
#include <utility>

#include "platform/metrics/metrics.h"
#include "workers/reactors/runtime/command_sender.h"
#include "workers/reactors/runtime/performer.h"

namespace parley::reactors {

/// What a reactor counts of the commands that it sends.
class SenderMetrics {
 public:
  void decided() { decided_.add(); }
  /// From one thread at a time, of one sender.
  void look(const CommandSender& sender) {
    again_.raise_to(static_cast<double>(sender.sent_again()));
    waiting_.set(static_cast<double>(sender.under_way()));
    waiting_seconds_.set(std::chrono::duration<double>(sender.oldest()).count());
  }

 private:
  static metrics::Counter commands(const char* outcome) {
    return metrics::counter("parley_reactor_commands_total",
                            "Commands by what became of them: decided, or sent once more because that was not known",
                            {{"outcome", outcome}});
  }
  metrics::Counter decided_ = commands("decided");
  metrics::Counter again_ = commands("sent_again");
  metrics::Gauge waiting_ =
      metrics::gauge("parley_reactor_waiting_commands", "Commands that are not known to be decided");
  metrics::Gauge waiting_seconds_ =
      metrics::gauge("parley_reactor_waiting_seconds", "For how long the oldest of them has waited");
};

/// What a reactor that acts outside counts beside it.
class ActingMetrics {
 public:
  /// How much there is to do in the partitions of this process.
  struct Work {
    std::size_t calls = 0;
    std::size_t timers = 0;
    std::size_t partitions_off = 0;
    std::chrono::duration<double> oldest{};
  };
  /// From one thread at a time, of one performer.
  void look(const Work& work, const Performer& performer) {
    const auto& counts = performer.counts();
    calls_.set(static_cast<double>(work.calls));
    oldest_.set(work.oldest.count());
    in_flight_.set(static_cast<double>(performer.calls_in_flight()));
    made_.raise_to(static_cast<double>(counts.calls));
    again_.raise_to(static_cast<double>(counts.again));
    done_.raise_to(static_cast<double>(counts.done));
    failed_.raise_to(static_cast<double>(counts.failed));
    unknown_.raise_to(static_cast<double>(counts.unknown));
    unwanted_.raise_to(static_cast<double>(counts.unwanted));
    timers_.set(static_cast<double>(work.timers));
    due_.set(static_cast<double>(performer.timers_in_flight()));
    fired_.raise_to(static_cast<double>(counts.timers));
    off_.set(static_cast<double>(work.partitions_off));
  }

 private:
  static metrics::Counter ended(const char* outcome) {
    return metrics::counter("parley_reactor_calls_ended_total", "Calls outside that ended, by the outcome",
                            {{"outcome", outcome}});
  }
  metrics::Gauge calls_ = metrics::gauge("parley_reactor_open_calls", "Calls outside that are not finished");
  metrics::Gauge oldest_ =
      metrics::gauge("parley_reactor_oldest_call_seconds", "Age of the oldest event whose call is not finished");
  metrics::Gauge in_flight_ = metrics::gauge("parley_reactor_calls_in_flight",
                                             "Calls outside that were begun, from their attempt to their outcome");
  metrics::Counter made_ = metrics::counter("parley_reactor_calls_made_total", "Calls outside, repetitions too");
  metrics::Counter again_ = metrics::counter("parley_reactor_call_retries_total", "Repetitions of calls outside");
  metrics::Counter done_ = ended("done");
  metrics::Counter failed_ = ended("failed");
  metrics::Counter unknown_ = ended("unknown");
  metrics::Counter unwanted_ = ended("unwanted");
  metrics::Gauge timers_ = metrics::gauge("parley_reactor_timers", "Timers that are set");
  metrics::Gauge due_ =
      metrics::gauge("parley_reactor_due_timers", "Timers that are due and whose command is not known to be decided");
  metrics::Counter fired_ = metrics::counter("parley_reactor_timers_fired_total", "Timers whose command was sent");
  metrics::Gauge off_ = metrics::gauge("parley_reactor_effects_off_partitions",
                                       "Partitions restored from a backup in which effects are off");
};

}  // namespace parley::reactors
