// Interpreter: one run of a compiled Program over its Plan's memory.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "backends/reference/compiled.h"
#include "backends/reference/memory.h"
#include "backends/reference/reference.h"

namespace jaxc::reference {

class Interpreter final : private Reader {
 public:
  Interpreter(const ir::Program& program, const ir::Plan& plan, const CompiledProgram& compiled,
              std::span<const Array> inputs, const Options& options);
  std::vector<Array> run();

 private:
  /// Elements of one array copied to another; shapes may differ but not the number of elements.
  struct Move {
    Located from;
    Shape from_shape;
    Located to;
    Shape to_shape;
    std::span<const int> lanes;  ///< dimensions of `to` that are the lane axes of the loop around
  };

  Value read(const Access& access, const Value* frame) override;

  void block(const ir::Block& block);
  void node(const ir::Node& node);
  void nest(const ir::Nest& nest, const NestCode& code, ir::NodeId id);
  /// Runs the points of the parallel axes in random order, and of ordered axes in order.
  void map_points(const ir::Nest& nest, const NestCode& code);
  void reduce_points(const ir::Nest& nest, const NestCode& code, ir::NodeId id);
  void store(const ir::Nest& nest, const NestCode& code, std::size_t output, Value value);
  void reshape(const ir::Reshape& reshape, bool moves);
  void loop(const ir::Loop& loop, const LoopCode& code, ir::NodeId id);
  void lanes(const ir::Loop& loop, const LoopCode& code, ir::NodeId id, const std::vector<std::int64_t>& extents);
  void steps(const ir::Loop& loop, const LoopCode& code, ir::NodeId id);
  void begin_step(const ir::Loop& loop, const LoopCode& code, ir::NodeId id, std::int64_t position);
  void end_step(const ir::Loop& loop, const LoopCode& code, const ir::LoopPlan& plan, std::int64_t position);
  void branch(const ir::Branch& branch, const std::vector<std::vector<bool>>& moves);

  Located locate(ir::ArrayId array) const { return memory_.locate(array, positions_); }
  const Shape& shape(ir::ArrayId array) const { return program_.arrays[array].shape; }
  std::span<const int> lane_dimensions(ir::ArrayId array) const { return plan_.placements[array].lane_dimensions; }
  Value scalar(ir::ArrayId array);
  /// The slice along `axis` at `position`, written as `written`.
  Located slice(ir::ArrayId whole, int axis, std::int64_t position) const;
  Move move(ir::ArrayId from, ir::ArrayId to, std::span<const int> lanes) const;
  /// Reads everything, then writes.
  void run_moves(std::span<const Move> moves);
  bool in_lane(std::int64_t number, const Shape& shape, std::span<const int> lanes) const;
  /// The extents of a nest's axes of one kind; a lane axis of the loop around has one point.
  struct Domain {
    std::vector<int> axes;
    std::vector<std::int64_t> extents;
    std::vector<std::int64_t> starts;
    std::uint64_t count = 1;
  };
  Domain domain(const ir::Nest& nest, const NestCode& code, ir::AxisKind kind) const;
  void set_axes(const Domain& domain, std::uint64_t number, const NestCode& code);
  /// A random order of 0 .. count-1: number -> (factor * number + shift) mod count.
  struct Order {
    std::uint64_t factor = 1;
    std::uint64_t shift = 0;
    std::uint64_t count = 1;
    std::uint64_t at(std::uint64_t number) const;
  };
  Order random_order(std::uint64_t count);

  const ir::Program& program_;
  const ir::Plan& plan_;
  const CompiledProgram& compiled_;
  Options options_;
  Memory memory_;
  std::vector<Value> frame_;
  std::vector<std::int64_t> positions_;  ///< by NodeId
  std::vector<std::int64_t> lane_;       ///< the lane under way, by lane axis; empty outside loops in lanes
  std::mt19937_64 random_;
  std::vector<Located> located_;           ///< by ArrayId, for the node under way
  std::vector<Event> located_at_;          ///< by ArrayId
  std::vector<std::vector<bool>> stored_;  ///< by output of the nest under way: elements stored so far
};

}  // namespace jaxc::reference
