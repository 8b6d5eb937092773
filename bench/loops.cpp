// Times exported programs on jaxc beside the plain loops, with Google Benchmark; checks agreement first.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "bench/plain/loops.h"
#include "jaxc/jaxc.h"

namespace {

using jaxc::bench::PlainLoop;

// A program with its inputs, memory for its results, and the plain loop of the same workload if there is one.
struct Workload {
  std::string name;
  jaxc::Executable executable;
  std::vector<jaxc::Array> inputs;
  std::vector<jaxc::Array> wanted;
  std::vector<jaxc::Array> results;
  std::vector<const void*> sources;
  std::vector<void*> targets;
  PlainLoop plain = nullptr;
  std::size_t steps = 0;

  Workload(std::string workload, const std::string& path)
      : name(std::move(workload)), executable(jaxc::compile(jaxc::Program::load(path))) {
    const auto data = jaxc::Safetensors::load(std::filesystem::path(path).replace_extension(".safetensors").string());
    for (std::size_t k = 0; k < executable.inputs().size(); ++k)
      inputs.push_back(data.arrays.at(fmt::format("in{}", k)));
    for (std::size_t k = 0; k < executable.outputs().size(); ++k)
      wanted.push_back(data.arrays.at(fmt::format("out{}", k)));
    for (const jaxc::Array& input : inputs) sources.push_back(input.bytes().data());
    for (const jaxc::Type& type : executable.outputs()) results.emplace_back(type);
    for (jaxc::Array& result : results) targets.push_back(result.mutable_bytes().data());
    steps = std::stoul(data.metadata.at("steps"));
    const std::size_t underscore = name.find_first_of("0123456789");
    const int size = std::atoi(name.c_str() + underscore);
    if (name.starts_with("kalman_")) plain = jaxc::bench::plain_kalman(size);
    if (name.starts_with("dlm_backward_")) plain = jaxc::bench::plain_dlm_backward(size);
  }

  void run_jaxc() { executable.run_into(sources, targets); }

  void run_plain() {
    std::vector<const float*> in;
    std::vector<float*> out;
    for (const void* source : sources) in.push_back(static_cast<const float*>(source));
    for (void* target : targets) out.push_back(static_cast<float*>(target));
    plain(in, out, steps);
  }

  // Largest |got - want| over the largest |want| of each output.
  double error() const {
    double worst = 0;
    for (std::size_t k = 0; k < results.size(); ++k) {
      const auto got = results[k].values<float>();
      const auto want = wanted[k].values<float>();
      double largest = 0;
      double difference = 0;
      for (std::size_t i = 0; i < want.size(); ++i) {
        largest = std::fmax(largest, std::fabs(want[i]));
        difference = std::fmax(difference, std::fabs(static_cast<double>(got[i]) - want[i]));
      }
      worst = std::fmax(worst, difference / std::fmax(largest, 1e-30));
    }
    return worst;
  }
};

void require_agreement(Workload& workload, std::string_view who) {
  const double error = workload.error();
  if (!(error < 1e-3)) {
    fmt::print(stderr, "{}: {} disagrees with JAX by {:g} of the largest value\n", workload.name, who, error);
    std::exit(1);
  }
}

void add_benchmark(const std::shared_ptr<Workload>& workload, const std::string& who, void (Workload::*run)()) {
  benchmark::RegisterBenchmark((workload->name + "/" + who).c_str(), [workload, run](benchmark::State& state) {
    for (auto _ : state) {
      (workload.get()->*run)();
      benchmark::ClobberMemory();
    }
    state.counters["ns_per_step"] =
        benchmark::Counter(static_cast<double>(workload->steps) * 1e-9,
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  });
}

}  // namespace

// jaxc_bench FOLDER [benchmark options]: every exported program of the folder.
int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (count != 2) {
    fmt::print(stderr, "usage: jaxc_bench FOLDER [--benchmark_...]\n");
    return 2;
  }
  try {
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
      if (entry.path().extension() != ".jaxpr") continue;
      auto workload = std::make_shared<Workload>(entry.path().stem().string(), entry.path().string());
      workload->run_jaxc();
      require_agreement(*workload, "jaxc");
      add_benchmark(workload, "jaxc", &Workload::run_jaxc);
      if (workload->plain == nullptr) continue;
      workload->run_plain();
      require_agreement(*workload, "the plain loop");
      add_benchmark(workload, "plain", &Workload::run_plain);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
}
