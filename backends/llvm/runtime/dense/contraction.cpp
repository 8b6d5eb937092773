// Products of matrices that a program asks for: their axes become matrices, one for each item of the batch.
#include "backends/llvm/runtime/dense/product.h"
#include "jaxc/types.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

template <typename R>
void product_of(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
                const DenseTeam& team) {
  std::int64_t items = 1;
  for (const ProductRequest::Axis& axis : request.batch) items *= axis.extent;
  const auto& [rows, columns, folded] = request.axes;
  for (std::int64_t item = 0; item < items; ++item) {
    std::int64_t offsets[3] = {request.left_offset, request.right_offset, request.result_offset};
    std::int64_t rest = item;
    for (const ProductRequest::Axis& axis : request.batch) {
      const std::int64_t position = rest % axis.extent;
      rest /= axis.extent;
      offsets[0] += position * axis.left;
      offsets[1] += position * axis.right;
      offsets[2] += position * axis.result;
    }
    const auto run = [&](std::int64_t left_part, std::int64_t right_part, bool add, bool negate) {
      const Matrix<const R> a{static_cast<const R*>(left) + offsets[0] + left_part * request.left_part, rows.extent,
                              folded.extent, rows.left, folded.left};
      const Matrix<const R> b{static_cast<const R*>(right) + offsets[1] + right_part * request.right_part,
                              folded.extent, columns.extent, folded.right, columns.right};
      const Matrix<R> c{static_cast<R*>(result) + offsets[2] + (left_part ^ right_part) * request.result_part,
                        rows.extent, columns.extent, rows.result, columns.result};
      multiply_real(team, a, b, c, add, negate, memory, request.bytes);
    };
    run(0, 0, false, false);
    if (request.result_part == 0) continue;
    run(1, 1, true, true);
    run(0, 1, false, false);
    run(1, 0, true, false);
  }
}

}  // namespace

void product(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
             const DenseTeam& team) {
  switch (static_cast<DType>(request.dtype)) {
    case DType::f32:
      return product_of<float>(request, left, right, result, memory, team);
    case DType::f64:
      return product_of<double>(request, left, right, result, memory, team);
    default:
      return;
  }
}

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
