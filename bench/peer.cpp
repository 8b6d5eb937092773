// A peer's process: loads, checks and measures what its maker prepared.
#include "bench/peer.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/agreement.h"

namespace jaxc::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A field of this process's memory figures in bytes: "VmRSS:" what is resident, "VmHWM:" its peak.
std::size_t memory(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != field) continue;
    std::size_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

// Sets the peak of resident memory to what is resident, after freed memory is returned.
void reset_peak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
}

// The arrays called prefix0, prefix1, ...
std::vector<Array> numbered(const Safetensors& data, const std::string& prefix) {
  std::vector<Array> arrays;
  for (auto found = data.arrays.find(prefix + "0"); found != data.arrays.end();
       found = data.arrays.find(prefix + std::to_string(arrays.size())))
    arrays.push_back(found->second);
  return arrays;
}

Safetensors results_of(const std::filesystem::path& folder, const std::string& name) {
  return Safetensors::load(folder / (name + ".results.safetensors"));
}

Workload load(const std::filesystem::path& folder, const std::string& name) {
  Workload workload;
  workload.name = name;
  workload.program_path = (folder / (name + ".jaxpr")).string();
  workload.data = Safetensors::load(folder / (name + ".safetensors"));
  for (const Array& input : numbered(workload.data, "in")) workload.inputs.push_back(input.bytes().data());
  for (const Array& result : numbered(results_of(folder, name), "out")) workload.output_types.push_back(result.type());
  workload.steps = std::stoul(workload.data.metadata.at("steps"));
  return workload;
}

// The median time of a call, over batches that take 50 us or more, so that the clock's own time does not count.
nlohmann::json measure(const std::function<void()>& call, double seconds) {
  constexpr double shortest = 5e-5;
  auto start = Clock::now();
  call();
  const int batch = std::max(1, static_cast<int>(shortest / std::max(seconds_since(start), 1e-8)));
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.empty() || seconds_since(begin) < seconds) {
    start = Clock::now();
    for (int k = 0; k < batch; ++k) call();
    times.push_back(seconds_since(start) / batch);
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return {{"seconds", *middle}, {"samples", times.size()}};
}

void run(const std::filesystem::path& folder, const std::string& name,
         const std::function<Prepared(const Workload&)>& prepare) {
  const Workload workload = load(folder, name);
  const Prepared prepared = prepare(workload);
  reset_peak();
  const std::size_t before = memory("VmRSS:");
  std::vector<Array> results;
  std::vector<void*> outputs;
  for (const Type& type : workload.output_types) results.emplace_back(type);
  for (Array& result : results) outputs.push_back(result.mutable_bytes().data());
  prepared.call(outputs);
  const std::size_t used = memory("VmHWM:") - before;
  double differing = 0;
  {
    const std::vector<Array> wanted = numbered(results_of(folder, name), "out");
    for (std::size_t k = 0; k < results.size(); ++k)
      differing = std::max(differing, share_differing(results[k], wanted[k]));
  }
  const nlohmann::json hello = {{"compile_seconds", prepared.compile_seconds},
                                {"cached_seconds", prepared.cached_seconds},
                                {"memory_bytes", used},
                                {"differing", differing}};
  std::cout << hello << std::endl;
  for (double seconds = 0; std::cin >> seconds;)
    std::cout << measure([&] { prepared.call(outputs); }, seconds) << std::endl;
}

}  // namespace

int serve(int argument_count, char** arguments, const std::function<Prepared(const Workload&)>& prepare) {
  if (argument_count != 3) {
    fmt::print(stderr, "usage: {} FOLDER WORKLOAD\n", arguments[0]);
    return 2;
  }
  try {
    run(arguments[1], arguments[2], prepare);
  } catch (const std::exception& error) {
    std::cout << nlohmann::json{{"error", error.what()}} << std::endl;
  }
  return 0;
}

}  // namespace jaxc::bench
