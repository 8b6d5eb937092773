// Chooses the dense routines that were compiled for this processor's vectors.
#include "backends/llvm/runtime/dense.h"

#include <functional>

namespace jaxc::cpu {

namespace baseline {
extern const DenseRoutines routines;
}
#if defined(__x86_64__)
namespace avx2 {
extern const DenseRoutines routines;
}
namespace avx512 {
extern const DenseRoutines routines;
}
#endif

namespace {

const DenseRoutines& routines() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("fma") != 0)
    return avx512::routines;
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return avx2::routines;
#endif
  return baseline::routines;
}

}  // namespace

void DenseTeam::run(std::int64_t count, DensePart part, const void* work) const {
  const auto call = [&](std::int64_t number) { part(work, number); };
  if (pool_ != nullptr) return pool_->run(count, std::ref(call));
  for (std::int64_t number = 0; number < count; ++number) call(number);
}

void jaxc_product(const ProductRequest* request, const void* left, const void* right, void* result, void* memory,
                  const Runtime* runtime) {
  routines().product(*request, left, right, result, memory, DenseTeam(runtime->pool));
}

}  // namespace jaxc::cpu
