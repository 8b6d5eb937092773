// The protocol of a peer: a process that prepares one workload, then answers requests for its time.
//
//   PEER FOLDER WORKLOAD
//
// It reads FOLDER/WORKLOAD.jaxpr and .safetensors (in0, in1, ...), runs the workload once, compares the results with
// out0, out1, ... of WORKLOAD.results.safetensors, and prints one line of JSON: {"compile_seconds", "cached_seconds",
// "memory_bytes" (what the first call adds to resident memory), "differing" (the share of elements)}, or {"error"} when
// it cannot run the workload. Each line that it then reads is a number of seconds to measure for; it answers with
// {"seconds", "samples"}, the median of a call. It ends with its input.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "jaxc/safetensors.h"

namespace jaxc::bench {

/// A workload as its files describe it.
struct Workload {
  std::string name;
  std::string program_path;
  Safetensors data;
  std::vector<const void*> inputs;
  std::vector<Type> output_types;
  std::size_t steps = 1;
};

/// One call of the workload into the same result memory.
using Call = std::function<void(std::span<void* const> outputs)>;

/// What a peer makes of a workload. Throws Error when it cannot run it.
struct Prepared {
  Call call;
  double compile_seconds = 0;
  double cached_seconds = 0;  ///< to be ready when its machine code is on disk
};

/// Follows the protocol; returns the process's exit status.
int serve(int argument_count, char** arguments, const std::function<Prepared(const Workload&)>& prepare);

}  // namespace jaxc::bench
