// The table of the runtime's functions, and the one that shares parts out to threads.
#include "backends/llvm/runtime/entries.h"

#include <functional>

namespace jaxc::cpu {

void jaxc_parallel(PartFunction function, std::int64_t count, const void* const* inputs, void* const* outputs,
                   const void* const* constants, void* scratch, const Runtime* runtime, const void* step) {
  const auto run = [=](std::int64_t part) { function(inputs, outputs, constants, scratch, runtime, step, part); };
  runtime->pool->run(count, std::ref(run));  // a reference, since std::function would allocate for the captures
}

std::int64_t jaxc_threads(const Runtime* runtime) {
  return runtime->pool->threads();
}

std::array<RuntimeEntry, 5> runtime_entries() {
  return {{{"jaxc_sort", reinterpret_cast<void*>(&jaxc_sort)},
           {"jaxc_product", reinterpret_cast<void*>(&jaxc_product)},
           {"jaxc_matrix", reinterpret_cast<void*>(&jaxc_matrix)},
           {"jaxc_parallel", reinterpret_cast<void*>(&jaxc_parallel)},
           {"jaxc_threads", reinterpret_cast<void*>(&jaxc_threads)}}};
}

}  // namespace jaxc::cpu
