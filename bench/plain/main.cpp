// jaxc_plain: the loops that a C programmer writes, as a peer of the benchmarks.
#include <fmt/format.h>

#include "bench/peer.h"
#include "bench/plain/loops.h"
#include "jaxc/error.h"

namespace {

jaxc::bench::PlainLoop find_plain_loop(std::string_view name) {
  for (const auto find : {jaxc::bench::find_filter, jaxc::bench::find_recurrence, jaxc::bench::find_network,
                          jaxc::bench::find_gradient, jaxc::bench::find_array_loop})
    if (const auto loop = find(name)) return loop;
  throw jaxc::Error(fmt::format("{}: there is no plain loop", name));
}

jaxc::bench::Prepared prepare(const jaxc::bench::Workload& workload) {
  const jaxc::bench::PlainLoop loop = find_plain_loop(workload.name);
  const auto call = [loop, inputs = workload.inputs](std::span<void* const> outputs) {
    loop(inputs.data(), outputs.data());
  };
  return {call, 0};
}

}  // namespace

int main(int argument_count, char** arguments) {
  return jaxc::bench::serve(argument_count, arguments, prepare);
}
