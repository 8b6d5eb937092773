// Walks a Program's top level: a grid kernel for each nest, one kernel for each loop or branch.
#include "backends/spirv/codegen.h"

#include <fmt/format.h>

#include "ir/overloaded.h"
#include "ir/placement.h"
#include "ir/saturate.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::ArrayId;
using ir::AxisKind;
using ir::Block;
using ir::Loop;
using ir::Nest;
using ir::Node;
using ir::NodeId;
using ir::saturated_product;
using ir::Schedule;
using ir::unlimited;

namespace {

/// What a loop that ends on a condition is taken to turn, inside another loop's step.
constexpr std::int64_t assumed_turns = 64;
/// Lanes of one loop in a workgroup: few, so that they spread over the device's processors.
constexpr std::int64_t lane_group = 32;

/// Every array that a kernel of this node touches.
class Touched {
 public:
  explicit Touched(const Node& node) { visit(node); }
  std::set<ArrayId> arrays;

 private:
  void visit(const Block& block) {
    for (const Node& node : block.nodes) visit(node);
    arrays.insert(block.results.begin(), block.results.end());
  }

  void visit(const Node& node) {
    std::visit(ir::Overloaded{
                   [&](const Nest& nest) {
                     for (const ir::ScalarOp& op : nest.body.ops) {
                       if (op.opcode == ir::Opcode::read) arrays.insert(op.array);
                     }
                     for (const ir::NestOutput& output : nest.outputs) {
                       arrays.insert(output.result);
                       if (output.base) arrays.insert(*output.base);
                     }
                   },
                   [&](const ir::Reshape& reshape) { arrays.insert({reshape.source, reshape.result}); },
                   [&](const Loop& loop) {
                     arrays.insert(loop.position);
                     for (const ir::Carry& carry : loop.carries) {
                       arrays.insert({carry.initial, carry.argument, carry.next, carry.result});
                     }
                     for (const ir::StackedInput& input : loop.inputs) arrays.insert({input.source, input.argument});
                     for (const ir::StackedOutput& output : loop.outputs) arrays.insert({output.value, output.result});
                     if (loop.condition) visit(*loop.condition);
                     visit(loop.body);
                   },
                   [&](const ir::Branch& branch) {
                     arrays.insert(branch.index);
                     for (const Block& block : branch.blocks) visit(block);
                     arrays.insert(branch.results.begin(), branch.results.end());
                   },
                   [&](const ir::Routine& routine) { visit(routine.expansion); },
               },
               node.kind);
  }
};

class Generator {
 public:
  Generator(const ir::Program& program, const ir::Plan& plan, const DeviceDescription& device)
      : program_(program), plan_(plan), device_(device), table_(plan) {
    // A node becomes at most one kernel, and one more for each base that it copies.
    ir::visit_nodes(program.body, [&](const Node& node) {
      const auto* nest = std::get_if<Nest>(&node.kind);
      code_.word_bytes += 8 * (1 + (nest == nullptr ? 0 : static_cast<std::int64_t>(nest->outputs.size())));
    });
  }

  GpuCode run() {
    block(program_.body);
    code_.state_bytes = code_.word_bytes + carry_bytes_;
    return std::move(code_);
  }

 private:
  void block(const Block& block) {
    for (const Node& node : block.nodes) top_level(node);
  }

  void top_level(const Node& node) {
    std::visit(ir::Overloaded{
                   [&](const Nest& nest) { grid_nest(node, nest); },
                   [&](const ir::Reshape& reshape) { copy(reshape.source, reshape.result); },
                   [&](const Loop& loop) { loop_kernel(node, loop); },
                   [&](const ir::Branch&) { branch_kernel(node); },
                   [&](const ir::Routine& routine) { block(routine.expansion); },
               },
               node.kind);
  }

  KernelEmitter emitter(const KernelShape& shape, const std::set<ArrayId>& arrays) const {
    return KernelEmitter(program_, plan_, device_, shape, table_, arrays);
  }

  std::int64_t count(ArrayId array) const {
    std::int64_t product = 1;
    for (const std::int64_t extent : program_.arrays[array].shape) product *= extent;
    return product;
  }

  std::uint32_t grid_size() const {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(128, device_.workgroup_size));
  }

  /// Adds a kernel for `groups` workgroups.
  KernelCode& add(std::string name, KernelEmitter& emitter, std::uint32_t size, std::int64_t groups, bool completes) {
    KernelCode kernel;
    kernel.name = std::move(name);
    kernel.state = next_state();
    kernel.workgroup_size = size;
    const std::int64_t x = std::clamp<std::int64_t>(groups, 1, device_.group_count);
    kernel.groups_x = static_cast<std::uint32_t>(x);
    kernel.groups_y = static_cast<std::uint32_t>(std::max<std::int64_t>(1, (groups + x - 1) / x));
    kernel.counts_completions = completes;
    if (completes) emitter.complete(kernel.state);
    kernel.words = emitter.finish();
    code_.kernels.push_back(std::move(kernel));
    return code_.kernels.back();
  }

  /// The words of the kernel that is added next.
  KernelState next_state() const {
    const auto word = 8 * static_cast<std::int64_t>(code_.kernels.size());
    return {word, word + 4, 0};
  }

  void copy(ArrayId source, ArrayId target) {
    if (count(target) == 0 || ir::same_place(program_, plan_, source, target)) return;
    const KernelShape shape{Team::grid, grid_size(), {}};
    KernelEmitter kernel = emitter(shape, {source, target});
    kernel.move({{source, target}});
    add("copy", kernel, shape.workgroup_size, (count(target) + shape.workgroup_size - 1) / shape.workgroup_size, false);
  }

  void grid_nest(const Node& node, const Nest& nest) {
    for (const ir::NestOutput& output : nest.outputs) {
      if (output.base) copy(*output.base, output.result);
    }
    const ir::NestPlan& plan = plan_.nests.at(node.id);
    std::int64_t points = 1;
    std::int64_t turns = 1;
    bool in_team = false;
    bool empty = false;
    for (std::size_t i = 0; i < nest.axes.size(); ++i) {
      const auto schedule = plan.axes[i].schedule;
      const bool shared = schedule == Schedule::grid || schedule == Schedule::workgroup;
      if (nest.axes[i].kind == AxisKind::reduced) {
        in_team = in_team || shared;
      } else {
        empty = empty || nest.axes[i].extent == 0;
      }
      if (shared && nest.axes[i].kind != AxisKind::reduced) {
        points *= nest.axes[i].extent;
      } else if (schedule == Schedule::serial) {
        turns = saturated_product(turns, nest.axes[i].extent);
      }
    }
    if (empty) return;
    KernelShape shape{Team::grid, grid_size(), {}};
    KernelEmitter kernel = emitter(shape, Touched(node).arrays);
    kernel.nest(node.id, nest);
    const std::int64_t groups = in_team ? points : (points + shape.workgroup_size - 1) / shape.workgroup_size;
    const bool completes = device_.loop_limit > 0 && (turns > device_.loop_limit / 4 || in_team);
    add(fmt::format("nest {}", node.id), kernel, shape.workgroup_size, groups, completes);
  }

  /// Turns of loops that one invocation takes, at most or as assumed, for one run of the block.
  std::int64_t turns(const Block& block, const KernelShape& shape) const {
    std::int64_t total = 0;
    for (const Node& node : block.nodes) total = std::min(unlimited, total + turns(node, shape));
    return total;
  }

  std::int64_t turns(const ir::Region& region) const {
    std::int64_t total = 0;
    for (const ir::ScalarOp& op : region.ops) {
      if (op.opcode == ir::Opcode::repeat)
        total += static_cast<std::int64_t>(std::min<std::uint64_t>(op.immediate, 64));
      if (op.opcode == ir::Opcode::call) total += turns(program_.functions[op.immediate].region);
      for (const ir::Region& inner : op.regions) total += turns(inner);
    }
    return total;
  }

  std::int64_t copy_turns(ArrayId array, const KernelShape& shape) const {
    if (shape.team == Team::workgroup) return count(array) / shape.workgroup_size + 1;
    std::int64_t own = count(array);
    if (shape.lane_extents.empty()) return own;
    for (const int dimension : plan_.placements[array].lane_dimensions) {
      if (dimension >= 0) own /= std::max<std::int64_t>(1, program_.arrays[array].shape[dimension]);
    }
    return own;
  }

  std::int64_t turns(const Node& node, const KernelShape& shape) const {
    return std::visit(ir::Overloaded{
                          [&](const Nest& nest) {
                            const ir::NestPlan& plan = plan_.nests.at(node.id);
                            std::int64_t serial = 1;
                            std::int64_t shared = 1;
                            for (std::size_t i = 0; i < nest.axes.size(); ++i) {
                              if (plan.axes[i].schedule == Schedule::workgroup)
                                shared = saturated_product(shared, nest.axes[i].extent);
                              if (plan.axes[i].schedule == Schedule::serial)
                                serial = saturated_product(serial, nest.axes[i].extent + 1);
                            }
                            const std::int64_t own = saturated_product(serial, shared / shape.workgroup_size + 1);
                            std::int64_t inside = turns(nest.body);
                            if (nest.reduction) inside += turns(nest.reduction->step);
                            std::int64_t copies = 0;
                            for (const ir::NestOutput& output : nest.outputs) {
                              if (output.base) copies += copy_turns(output.result, shape);
                            }
                            return std::min(unlimited, saturated_product(own, 1 + inside) + copies);
                          },
                          [&](const ir::Reshape& reshape) { return copy_turns(reshape.result, shape); },
                          [&](const Loop& loop) {
                            std::int64_t step = 1 + turns(loop.body, shape);
                            if (loop.condition) step += turns(*loop.condition, shape);
                            std::int64_t copies = 0;
                            for (const ir::Carry& carry : loop.carries) copies += copy_turns(carry.argument, shape);
                            const std::int64_t steps = loop.condition ? assumed_turns : loop.trip_count;
                            return std::min(unlimited,
                                            saturated_product(steps, std::min(unlimited, step + copies)) + 2 * copies);
                          },
                          [&](const ir::Branch& branch) {
                            std::int64_t most = 0;
                            for (const Block& block : branch.blocks) most = std::max(most, turns(block, shape));
                            return most;
                          },
                          [&](const ir::Routine& routine) { return turns(routine.expansion, shape); },
                      },
                      node.kind);
  }

  /// The workgroup that the nests inside are scheduled for.
  std::uint32_t planned_size(const Node& node) const {
    int width = 1;
    const auto widen = [&](const Node& inner) {
      const auto found = plan_.nests.find(inner.id);
      if (found == plan_.nests.end()) return;
      for (const ir::AxisSchedule& axis : found->second.axes) {
        if (axis.schedule == Schedule::workgroup) width = std::max(width, axis.width);
      }
    };
    if (const auto* loop = std::get_if<Loop>(&node.kind)) {
      if (loop->condition) ir::visit_nodes(*loop->condition, widen);
      ir::visit_nodes(loop->body, widen);
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (const Block& block : branch->blocks) ir::visit_nodes(block, widen);
    }
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(width, 1, device_.workgroup_size));
  }

  void loop_kernel(const Node& node, const Loop& loop) {
    const ir::LoopPlan& plan = plan_.loops.at(node.id);
    KernelShape shape{Team::workgroup, planned_size(node), {}};
    if (plan.path == ir::LoopPath::registers) {
      shape = {Team::invocation, 1, plan.lane_extents};
      if (shape.lanes() > 1)
        shape.workgroup_size = static_cast<std::uint32_t>(std::min(lane_group, device_.workgroup_size));
    }
    const std::int64_t per_step = 1 + turns(loop.body, shape) + (loop.condition ? turns(*loop.condition, shape) : 0);
    std::int64_t chunk = device_.chunk_steps;
    if (device_.loop_limit > 0) {
      const std::int64_t fits = std::max<std::int64_t>(1, (device_.loop_limit - 1024) / per_step);
      chunk = chunk == 0 ? fits : std::min(chunk, fits);
    }
    if (loop.condition && chunk == 0) chunk = std::int64_t{1} << 16;
    if (!loop.condition && chunk >= loop.trip_count) chunk = 0;
    KernelState state = next_state();
    state.carries = code_.word_bytes + carry_bytes_;
    KernelEmitter kernel = emitter(shape, Touched(node).arrays);
    kernel.loop_kernel(node.id, loop, chunk, state);
    if (chunk > 0) carry_bytes_ += kernel.carry_bytes(loop);
    const std::int64_t groups =
        shape.team == Team::invocation ? (shape.lanes() + shape.workgroup_size - 1) / shape.workgroup_size : 1;
    KernelCode& added = add(fmt::format("{} {}", loop.name, node.id), kernel, shape.workgroup_size, groups, true);
    added.conditional = loop.condition.has_value();
    added.steps = loop.trip_count;
    added.chunk = chunk;
  }

  void branch_kernel(const Node& node) {
    const KernelShape shape{Team::workgroup, planned_size(node), {}};
    KernelEmitter kernel = emitter(shape, Touched(node).arrays);
    kernel.node(node);
    add(fmt::format("branch {}", node.id), kernel, shape.workgroup_size, 1, true);
  }

  const ir::Program& program_;
  const ir::Plan& plan_;
  const DeviceDescription& device_;
  AddressTable table_;
  GpuCode code_;
  std::int64_t carry_bytes_ = 0;
};

}  // namespace

GpuCode generate(const ir::Program& program, const ir::Plan& plan, const DeviceDescription& device) {
  return Generator(program, plan, device).run();
}

}  // namespace jaxc::spirv
