// Products that a program asks for: groups of axes become the sides of operands, for each item of the batch.
#include <atomic>

#include "backends/llvm/runtime/dense/product.h"
#include "jaxc/types.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

namespace {

using Axis = ProductRequest::Axis;

constexpr std::int64_t least_shared = std::int64_t{1} << 19;

// `count` axes, as one of the three arrays has them; those that follow each other are one, unless its bounds need each.
Side side_of(const Axis* axes, std::int64_t count, std::int64_t Axis::* stride, bool is_bounded) {
  Side side = Side::line(1, 0);
  side.axis_count = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const Place step{axes[k].*stride, is_bounded ? axes[k].coordinates : Coordinates{}};
    side.count *= axes[k].extent;
    if (side.axis_count > 0 && !is_bounded && side.last().step.address == step.address * axes[k].extent)
      side.axes[side.axis_count - 1] = {side.last().extent * axes[k].extent, step};
    else
      side.axes[side.axis_count++] = {axes[k].extent, step};
  }
  side.axis_count = std::max(side.axis_count, 1);
  return side;
}

template <typename R>
class Contraction {
 public:
  Contraction(const ProductRequest& request, const void* left, const void* right, void* result)
      : request_(request),
        left_{static_cast<const R*>(left) + request.left_offset,
              side_of(rows_, request.rows, &Axis::left, bounds_left_ > 0),
              side_of(folded_, request.folded, &Axis::left, bounds_left_ > 0),
              request.origin,
              request.limits,
              bounds_left_},
        right_{static_cast<const R*>(right) + request.right_offset,
               side_of(folded_, request.folded, &Axis::right, bounds_right_ > 0),
               side_of(columns_, request.columns, &Axis::right, bounds_right_ > 0),
               request.origin,
               request.limits,
               bounds_right_},
        result_{static_cast<R*>(result) + request.result_offset, side_of(rows_, request.rows, &Axis::result, false),
                side_of(columns_, request.columns, &Axis::result, false)},
        items_{side_of(batch_, request.batch, &Axis::left, true), side_of(batch_, request.batch, &Axis::right, true),
               side_of(batch_, request.batch, &Axis::result, true)} {}

  std::int64_t items() const { return items_[0].count; }
  std::int64_t item_multiplications() const { return left_.rows.count * left_.columns.count * right_.columns.count; }

  void run(std::int64_t item, const DenseTeam& team, void* memory, std::int64_t bytes) const {
    const Place places[] = {Walk(items_[0], item).place(), Walk(items_[1], item).place(),
                            Walk(items_[2], item).place()};
    Operand<const R> left = left_;
    Operand<const R> right = right_;
    Operand<R> result = result_;
    for (Operand<const R>* operand : {&left, &right})
      for (int bound = 0; bound < operand->bounds; ++bound) operand->origin[bound] += places[0].coordinates[bound];
    if (left.columns.count == 0) return set_zero(result, places[2].address);
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
  void set_zero(const Operand<R>& result, std::int64_t item) const {
    Walk row(result.rows, 0);
    for (std::int64_t i = 0; i < result.rows.count; ++i, row.advance(1)) {
      Walk column(result.columns, 0);
      for (std::int64_t j = 0; j < result.columns.count; ++j, column.advance(1)) {
        R* const element = result.data + item + row.place().address + column.place().address;
        element[0] = element[request_.result_part] = R{};
      }
    }
  }

  const ProductRequest& request_;
  const Axis* rows_ = request_.axes.data();
  const Axis* columns_ = rows_ + request_.rows;
  const Axis* folded_ = columns_ + request_.columns;
  const Axis* batch_ = folded_ + request_.folded;
  int bounds_left_ = static_cast<int>(request_.bounds_right != 0 ? 0 : request_.bounds);
  int bounds_right_ = static_cast<int>(request_.bounds_right != 0 ? request_.bounds : 0);
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
  if (request.runs == 1) {  // threads share each item that is worth waking them
    const DenseTeam shared = contraction.item_multiplications() < least_shared ? DenseTeam(nullptr) : team;
    for (std::int64_t item = 0; item < items; ++item) contraction.run(item, shared, memory, request.run_bytes);
    return;
  }
  std::atomic<std::int64_t> next = 0;
  in_parts(team, request.runs, [&](std::int64_t number) {
    std::byte* const own = static_cast<std::byte*>(memory) + number * request.run_bytes;
    for (std::int64_t item = next++; item < items; item = next++)
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
