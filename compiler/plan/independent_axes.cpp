// Finds independent axes by following each dimension of each carry and stacked output.
#include "compiler/plan/independent_axes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/plan/axis_follower.h"

namespace jaxc::compiler {

using ir::ArrayId;
using ir::Loop;

namespace {

constexpr std::int64_t largest_repeated = 16;
constexpr double operations_always_repeated = 8;
constexpr double steps_of_conditional_loops = 8;

/// A carry's argument or a stacked output's value: what a loop leaves behind.
std::vector<ArrayId> kept(const Loop& loop) {
  std::vector<ArrayId> result;
  for (const ir::Carry& carry : loop.carries) result.push_back(carry.argument);
  for (const ir::StackedOutput& output : loop.outputs) result.push_back(output.value);
  return result;
}

std::int64_t elements(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

/// Scalar operations of one step: of one lane's part of nests that vary, and of nests that every lane repeats.
struct Work {
  double split = 0;
  double repeated = 0;
};

void add_work(const ir::Block& block, const AxisFollower& axis, double times, Work& work) {
  for (const ir::Node& node : block.nodes) {
    if (const auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      double operations = times * static_cast<double>(nest->body.ops.size());
      for (const ir::Axis& each : nest->axes) operations *= static_cast<double>(each.extent);
      if (axis.axes().contains(node.id))
        work.split += operations / static_cast<double>(axis.extent());
      else
        work.repeated += operations;
    } else if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      const double steps = loop->condition ? steps_of_conditional_loops : static_cast<double>(loop->trip_count);
      if (loop->condition) add_work(*loop->condition, axis, times * steps, work);
      add_work(loop->body, axis, times * steps, work);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const ir::Block& inner : branch->blocks) add_work(inner, axis, times, work);
    } else if (const auto* routine = std::get_if<ir::Routine>(&node.kind)) {
      add_work(routine->expansion, axis, times, work);
    }
  }
}

bool repeats_little(const Loop& loop, const AxisFollower& axis) {
  Work work;
  add_work(loop.body, axis, 1, work);
  return work.repeated <= work.split + operations_always_repeated;
}

struct Candidate {
  AxisFollower axis;
  std::vector<bool> varying;  ///< by kept array
  std::int64_t elements = 0;  ///< of varying kept arrays
};

// The axis along which a dimension varies; nothing where it leads to a contradiction, or where large arrays
// would be computed again by every lane.
std::optional<Candidate> follow(const LoopFlow& flow, const std::vector<ArrayId>& arrays, ArrayId array,
                                int dimension) {
  Candidate candidate{AxisFollower(flow, flow.shape(array)[static_cast<std::size_t>(dimension)]), {}, 0};
  if (!candidate.axis.add(array, dimension)) return std::nullopt;
  candidate.axis.add_whatever_may_vary();
  for (ArrayId each : arrays) {
    const std::int64_t count = elements(flow.shape(each));
    candidate.varying.push_back(candidate.axis.dimensions().contains(each));
    if (candidate.varying.back())
      candidate.elements += count;
    else if (count > largest_repeated)
      return std::nullopt;
  }
  if (!repeats_little(flow.loop(), candidate.axis)) return std::nullopt;
  return candidate;
}

bool disjoint(const AxisFollower& left, const AxisFollower& right) {
  const auto apart = [](const auto& one, const auto& other) {
    return std::none_of(one.begin(), one.end(), [&](const auto& entry) {
      const auto found = other.find(entry.first);
      return found != other.end() && found->second == entry.second;
    });
  };
  return apart(left.dimensions(), right.dimensions()) && apart(left.axes(), right.axes());
}

/// Adds an axis to the result; arrays outside take the dimensions of those they exchange values with.
void add(const LoopFlow& flow, const AxisFollower& axis, std::size_t lane, std::size_t lanes, IndependentAxes& result) {
  const auto set = [&](ArrayId array, int dimension) {
    result.dimensions.try_emplace(array, lanes, -1).first->second[lane] = dimension;
  };
  for (const auto& [array, dimension] : axis.dimensions()) set(array, dimension);
  for (const auto& [node, number] : axis.axes())
    result.nest_axes.try_emplace(node, lanes, -1).first->second[lane] = number;
  const Loop& loop = flow.loop();
  for (const ir::Carry& carry : loop.carries) {
    const auto found = axis.dimensions().find(carry.argument);
    if (found == axis.dimensions().end()) continue;
    set(carry.initial, found->second);
    set(carry.result, found->second);
  }
  const auto stacked = [](int axis_of_steps, int dimension) {
    return dimension < axis_of_steps ? dimension : dimension + 1;
  };
  for (const ir::StackedInput& input : loop.inputs) {
    const auto found = axis.dimensions().find(input.argument);
    if (found != axis.dimensions().end()) set(input.source, stacked(input.axis, found->second));
  }
  for (const ir::StackedOutput& output : loop.outputs) {
    const auto found = axis.dimensions().find(output.value);
    if (found != axis.dimensions().end()) set(output.result, stacked(output.axis, found->second));
  }
}

}  // namespace

std::optional<IndependentAxes> independent_axes(const ir::Program& program, const ir::Node& node) {
  const Loop& loop = std::get<Loop>(node.kind);
  const LoopFlow flow(program, loop);
  const std::vector<ArrayId> arrays = kept(loop);
  std::vector<Candidate> candidates;
  for (ArrayId array : arrays) {
    const Shape& shape = program.arrays[array].shape;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      const int dimension = static_cast<int>(k);
      const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
        const auto found = candidate.axis.dimensions().find(array);
        return found != candidate.axis.dimensions().end() && found->second == dimension;
      });
      if (known || shape[k] < 2) continue;
      if (auto candidate = follow(flow, arrays, array, dimension)) candidates.push_back(std::move(*candidate));
    }
  }
  if (candidates.empty()) return std::nullopt;
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& left, const Candidate& right) { return left.elements > right.elements; });

  // Further axes must vary for the same arrays: no lane then repeats what another axis has split.
  std::vector<const AxisFollower*> chosen;
  for (const Candidate& candidate : candidates) {
    const bool fits = candidate.varying == candidates.front().varying &&
                      std::all_of(chosen.begin(), chosen.end(),
                                  [&](const AxisFollower* other) { return disjoint(candidate.axis, *other); });
    if (fits) chosen.push_back(&candidate.axis);
  }
  IndependentAxes result;
  for (std::size_t lane = 0; lane < chosen.size(); ++lane) {
    result.extents.push_back(chosen[lane]->extent());
    add(flow, *chosen[lane], lane, chosen.size(), result);
  }
  return result;
}

std::string print(const IndependentAxes& axes) {
  return fmt::format("{}", fmt::join(axes.extents, " x "));
}

}  // namespace jaxc::compiler
