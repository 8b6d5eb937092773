// Products that a program asks for: groups of axes become the sides of operands, for each item of the batch.
#include "backends/llvm/runtime/dense/product.h"
#include "jaxc/types.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

using Axis = ProductRequest::Axis;

// `count` axes, as one of the three arrays has them.
Side side_of(const Axis* axes, std::int64_t count, std::int64_t Axis::* stride) {
  Side side = Side::line(1, 0);
  if (count > 0) side.axis_count = static_cast<int>(count);
  for (std::int64_t k = 0; k < count; ++k) {
    side.axes[k] = {axes[k].extent, {axes[k].*stride, axes[k].coordinates}};
    side.count *= axes[k].extent;
  }
  return side;
}

template <typename R>
class Contraction {
 public:
  Contraction(const ProductRequest& request, const void* left, const void* right, void* result)
      : request_(request),
        left_{static_cast<const R*>(left) + request.left_offset,
              side_of(rows_, request.rows, &Axis::left),
              side_of(folded_, request.folded, &Axis::left),
              request.origin,
              request.limits,
              static_cast<int>(request.bounds_right != 0 ? 0 : request.bounds)},
        right_{static_cast<const R*>(right) + request.right_offset,
               side_of(folded_, request.folded, &Axis::right),
               side_of(columns_, request.columns, &Axis::right),
               request.origin,
               request.limits,
               static_cast<int>(request.bounds_right != 0 ? request.bounds : 0)},
        result_{static_cast<R*>(result) + request.result_offset, side_of(rows_, request.rows, &Axis::result),
                side_of(columns_, request.columns, &Axis::result)},
        items_{side_of(batch_, request.batch, &Axis::left), side_of(batch_, request.batch, &Axis::right),
               side_of(batch_, request.batch, &Axis::result)} {}

  std::int64_t items() const { return items_[0].count; }

  void run(std::int64_t item, const DenseTeam& team, void* memory, std::int64_t bytes) const {
    const Place places[] = {Walk(items_[0], item).place(), Walk(items_[1], item).place(),
                            Walk(items_[2], item).place()};
    Operand<const R> left = left_;
    Operand<const R> right = right_;
    Operand<R> result = result_;
    for (Operand<const R>* operand : {&left, &right})
      for (int bound = 0; bound < operand->bounds; ++bound) operand->origin[bound] += places[0].coordinates[bound];
    // Real part a c - b d, imaginary part a d + b c.
    const auto multiply_parts = [&](std::int64_t left_part, std::int64_t right_part, bool add, bool negate) {
      left.data = left_.data + places[0].address + left_part * request_.left_part;
      right.data = right_.data + places[1].address + right_part * request_.right_part;
      result.data = result_.data + places[2].address + (left_part ^ right_part) * request_.result_part;
      multiply_real(team, left, right, result, add, negate, memory, bytes);
    };
    multiply_parts(0, 0, false, false);
    if (request_.result_part == 0) return;
    multiply_parts(1, 1, true, true);
    multiply_parts(0, 1, false, false);
    multiply_parts(1, 0, true, false);
  }

 private:
  const ProductRequest& request_;
  const Axis* rows_ = request_.axes.data();
  const Axis* columns_ = rows_ + request_.rows;
  const Axis* folded_ = columns_ + request_.columns;
  const Axis* batch_ = folded_ + request_.folded;
  Operand<const R> left_;
  Operand<const R> right_;
  Operand<R> result_;
  std::array<Side, 3> items_;
};

template <typename R>
void run(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
         const DenseTeam& team) {
  const Contraction<R> contraction(request, left, right, result);
  const std::int64_t items = contraction.items();
  if (request.runs == 1) {  // threads share each item
    for (std::int64_t item = 0; item < items; ++item) contraction.run(item, team, memory, request.run_bytes);
    return;
  }
  in_parts(team, request.runs, [&](std::int64_t number) {
    std::byte* const own = static_cast<std::byte*>(memory) + number * request.run_bytes;
    const std::int64_t end = items * (number + 1) / request.runs;
    for (std::int64_t item = items * number / request.runs; item < end; ++item)
      contraction.run(item, DenseTeam(nullptr), own, request.run_bytes);
  });
}

}  // namespace

void product(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
             const DenseTeam& team) {
  switch (static_cast<DType>(request.dtype)) {
    case DType::f32:
      return run<float>(request, left, right, result, memory, team);
    case DType::f64:
      return run<double>(request, left, right, result, memory, team);
    default:
      return;
  }
}

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
