// Lays events out in time and writes them as JSON.
#include "trace.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace jaxc::tools {

void Trace::add(std::string name, double begin, double duration, std::string detail) {
  events_.push_back({std::move(name), begin, duration, std::move(detail)});
}

void Trace::add_passes(const Executable& executable, double begin) {
  for (const PassTime& pass : executable.compile_times()) {
    add(pass.pass, begin, pass.milliseconds);
    begin += pass.milliseconds;
  }
}

void Trace::add_steps(const Executable& executable, double begin) {
  // By depth: where the next step begins.
  std::vector<double> next = {begin};
  for (const StepTime& step : executable.profile()) {
    const auto depth = static_cast<std::size_t>(step.depth);
    next.resize(std::max(next.size(), depth + 1), next.back());
    add(step.name, next[depth], step.milliseconds, fmt::format("{} calls; {}", step.calls, step.equation));
    next.resize(depth + 1);
    next.push_back(next[depth]);
    next[depth] += step.milliseconds;
  }
}

void Trace::save(const std::string& path) const {
  nlohmann::json events = nlohmann::json::array();
  for (const Event& event : events_) {
    nlohmann::json entry = {{"name", event.name},           {"ph", "X"}, {"ts", 1000 * event.begin},
                            {"dur", 1000 * event.duration}, {"pid", 1},  {"tid", 1}};
    if (!event.detail.empty()) entry["args"] = {{"detail", event.detail}};
    events.push_back(std::move(entry));
  }
  std::ofstream file(path);
  file << nlohmann::json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump(1) << '\n';
  if (!file) throw Error(fmt::format("{}: cannot be written", path));
}

}  // namespace jaxc::tools
