// Chooses the dense routines that were compiled for this processor's vectors.
#include "backends/llvm/runtime/dense.h"

#include <cstddef>
#include <functional>
#include <type_traits>

#include "backends/llvm/runtime/lapack/lapack.h"

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

void jaxc_matrix(const MatrixRequest* request, const void* input, const void* second_input, void* output,
                 void* second_output, void* third_output, void* memory, const Runtime* runtime) {
  const auto at = [](auto* pointer, std::int64_t bytes) -> decltype(pointer) {
    using Byte =
        std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(pointer)>>, const std::byte, std::byte>;
    return pointer == nullptr ? nullptr : static_cast<Byte*>(pointer) + bytes;
  };
  const auto run_item = [&](std::int64_t item, std::int64_t part, const DenseTeam& team) {
    const auto& in = request->input_bytes;
    const auto& out = request->output_bytes;
    const MatrixItem arrays{
        {at(input, item * in[0]), at(second_input, item * in[1])},
        {at(output, item * out[0]), at(second_output, item * out[1]), at(third_output, item * out[2])},
        at(memory, part * request->part_bytes),
        request->part_bytes};
    if (is_lapack_routine(*request))
      lapack_routine(*request, arrays, *routines().blas, team);
    else
      routines().matrix(*request, arrays, team);
  };
  if (request->parts == 1) {  // threads share each item
    for (std::int64_t item = 0; item < request->items; ++item) run_item(item, 0, DenseTeam(runtime->pool));
    return;
  }
  const auto run_part = [&](std::int64_t part) {
    const std::int64_t end = request->items * (part + 1) / request->parts;
    for (std::int64_t item = request->items * part / request->parts; item < end; ++item)
      run_item(item, part, DenseTeam(nullptr));
  };
  runtime->pool->run(request->parts, std::ref(run_part));
}

}  // namespace jaxc::cpu
