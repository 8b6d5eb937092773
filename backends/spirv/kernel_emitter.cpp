// A kernel's frame: its team, its barriers, and copies of whole arrays.
#include "backends/spirv/kernel_emitter.h"

#include "ir/overloaded.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::ArrayId;

namespace {

/// Arrays of registers longer than this never come; it bounds unrolled copies.
constexpr std::int64_t longest_unrolled_copy = 4096;

ModuleOptions module_options(const DeviceDescription& device, const KernelShape& shape) {
  return {shape.workgroup_size,        PushConstants::count,        device.round_to_nearest_f32,
          device.round_to_nearest_f64, device.preserve_special_f32, device.preserve_special_f64,
          device.orders_by_halves};
}

}  // namespace

std::int64_t KernelShape::lanes() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : lane_extents) product *= extent;
  return product;
}

bool Hazards::conflict(std::span<const Extent> reads, std::span<const Extent> writes) const {
  const auto overlap = [](std::span<const Extent> some, std::span<const Extent> others) {
    for (const Extent& one : some) {
      for (const Extent& other : others) {
        if (one.overlaps(other)) return true;
      }
    }
    return false;
  };
  return overlap(reads, writes_) || overlap(writes, writes_) || overlap(writes, reads_);
}

void Hazards::add(std::span<const Extent> reads, std::span<const Extent> writes) {
  reads_.insert(reads_.end(), reads.begin(), reads.end());
  writes_.insert(writes_.end(), writes.begin(), writes.end());
}

void Hazards::clear() {
  reads_.clear();
  writes_.clear();
}

KernelEmitter::KernelEmitter(const ir::Program& program, const ir::Plan& plan, const DeviceDescription& device,
                             const KernelShape& shape, const AddressTable& table, const std::set<ArrayId>& arrays)
    : program_(program),
      plan_(plan),
      device_(device),
      shape_(shape),
      scope_(device.fixed_subgroup_size && shape.workgroup_size <= device.subgroup_size ? BarrierScope::subgroup
                                                                                        : BarrierScope::workgroup),
      module_(module_options(device, shape)),
      scalar_(module_, program, device.fused_multiply_add),
      arrays_(module_, scalar_.arithmetic(), program, plan,
              shape.team == Team::workgroup ? Sharing::workgroup : Sharing::invocation) {
  arrays_.bind(arrays, table, module_.push_constant(PushConstants::table));
  local_ = module_.local_index();
  lane_ = i32(0);
}

void KernelEmitter::block(const ir::Block& block) {
  for (const ir::Node& inner : block.nodes) node(inner);
}

void KernelEmitter::node(const ir::Node& node) {
  std::visit(ir::Overloaded{
                 [&](const ir::Nest& inner) { nest(node.id, inner); },
                 [&](const ir::Reshape& reshape) {
                   if (!arrays_.same_place(reshape.source, reshape.result) || arrays_.is_scalar_value(reshape.source)) {
                     move({{reshape.source, reshape.result}});
                   }
                 },
                 [&](const ir::Loop& inner) { loop(node.id, inner); },
                 [&](const ir::Branch& inner) { branch(inner); },
                 [&](const ir::Routine& routine) { block(routine.expansion); },
             },
             node.kind);
}

std::vector<Extent> KernelEmitter::extents(std::span<const ArrayId> arrays) const {
  std::vector<Extent> result;
  for (const ArrayId array : arrays) {
    if (!arrays_.is_scalar_value(array)) result.push_back(arrays_.extent(array));
  }
  return result;
}

void KernelEmitter::access(std::span<const ArrayId> reads, std::span<const ArrayId> writes) {
  if (shape_.team != Team::workgroup) return;
  if (hazards_.conflict(extents(reads), extents(writes))) barrier();
  note(reads, writes);
}

void KernelEmitter::note(std::span<const ArrayId> reads, std::span<const ArrayId> writes) {
  if (shape_.team == Team::workgroup) hazards_.add(extents(reads), extents(writes));
}

void KernelEmitter::barrier() {
  if (shape_.team != Team::invocation) module_.barrier(scope_);
  hazards_.clear();
}

void KernelEmitter::flush() {
  if (!hazards_.empty()) barrier();
}

std::vector<Value> KernelEmitter::decompose(Value number, std::span<const std::int64_t> extents) {
  std::vector<Value> result(extents.size(), i32(0));
  std::size_t left = 0;
  for (const std::int64_t extent : extents) left += extent != 1 ? 1 : 0;
  for (std::size_t k = extents.size(); k-- > 0;) {
    if (extents[k] == 1) continue;
    if (--left == 0) {
      result[k] = number;
      break;
    }
    const Value extent = i32(extents[k]);
    if (const auto constant = module_.constant_of(number)) {
      result[k] = i32(*constant % extents[k]);
      number = i32(*constant / extents[k]);
    } else {
      result[k] = module_.binary(IntegerBinary::remainder_unsigned, number, extent);
      number = module_.binary(IntegerBinary::divide_unsigned, number, extent);
    }
  }
  return result;
}

std::span<const int> KernelEmitter::lane_dimensions(ArrayId array) const {
  if (shape_.lane_extents.empty()) return {};
  return plan_.placements[array].lane_dimensions;
}

std::int64_t KernelEmitter::team_count(ArrayId array, std::span<const int> lane_dimensions) const {
  std::int64_t count = arrays_.count(array);
  for (const int dimension : lane_dimensions) {
    if (dimension >= 0) count /= std::max<std::int64_t>(1, arrays_.shape(array)[dimension]);
  }
  return count;
}

std::vector<Value> KernelEmitter::element_indices(ArrayId array, Value number, std::span<const int> lane_dimensions) {
  Shape extents = arrays_.shape(array);
  for (const int dimension : lane_dimensions) {
    if (dimension >= 0) extents[dimension] = 1;
  }
  std::vector<Value> result = decompose(number, extents);
  for (std::size_t k = 0; k < lane_dimensions.size(); ++k) {
    if (lane_dimensions[k] >= 0) result[lane_dimensions[k]] = lanes_[k];
  }
  return result;
}

bool KernelEmitter::in_registers(ArrayId array) const {
  return plan_.buffers[plan_.placements[array].buffer].storage == ir::Storage::registers;
}

void KernelEmitter::share(std::int64_t count, bool unrolled, const std::function<void(Value)>& body) {
  if (count == 0) return;
  if (shape_.team == Team::invocation) {
    if (unrolled || count == 1) {
      if (count > longest_unrolled_copy) throw InternalError("spirv: an array in registers is too long");
      for (std::int64_t i = 0; i < count; ++i) body(i32(i));
    } else {
      module_.loop_range(i32(0), i32(count), i32(1), body);
    }
    return;
  }
  const std::int64_t size = shape_.workgroup_size;
  Value first = local_;
  if (shape_.team == Team::grid) {
    const Value group =
        module_.binary(IntegerBinary::add, module_.workgroup_index(0),
                       module_.binary(IntegerBinary::multiply, module_.workgroup_index(1), module_.workgroup_count(0)));
    first = module_.binary(IntegerBinary::add, module_.binary(IntegerBinary::multiply, group, i32(size)), local_);
  }
  if (shape_.team == Team::grid || count <= size) {
    module_.if_then(module_.compare(IntegerCompare::less_unsigned, first, i32(count)), [&] { body(first); });
  } else {
    module_.loop_range(first, i32(count), i32(size), body);
  }
}

void KernelEmitter::copy_elements(std::span<const Move> moves) {
  std::vector<ArrayId> reads;
  std::vector<ArrayId> writes;
  bool unrolled = false;
  for (const auto& [source, target] : moves) {
    reads.push_back(source);
    writes.push_back(target);
    unrolled = unrolled || in_registers(source) || in_registers(target);
  }
  access(reads, writes);
  // A slice for a lane of an array outside the loop goes by the dimensions of the array inside.
  const auto dimensions = [&](const Move& move, bool of_source) {
    const auto own = lane_dimensions(of_source ? move.first : move.second);
    if (arrays_.shape(move.first) != arrays_.shape(move.second)) return own;
    const auto target = lane_dimensions(move.second);
    return target.empty() ? lane_dimensions(move.first) : target;
  };
  share(team_count(moves[0].second, dimensions(moves[0], false)), unrolled, [&](Value number) {
    std::vector<Value> values;
    for (const Move& move : moves) {
      values.push_back(arrays_.load(move.first, element_indices(move.first, number, dimensions(move, true))));
    }
    for (std::size_t i = 0; i < moves.size(); ++i) {
      const ArrayId target = moves[i].second;
      arrays_.store(target, element_indices(target, number, dimensions(moves[i], false)), values[i]);
    }
  });
}

void KernelEmitter::move(std::vector<Move> moves) {
  std::erase_if(moves, [&](const Move& move) {
    return arrays_.count(move.second) == 0 ||
           (arrays_.same_place(move.first, move.second) && !arrays_.is_scalar_value(move.first));
  });
  const auto clobbers = [&](const Move& move, const Move& other) {
    return &move != &other && !arrays_.is_scalar_value(other.first) &&
           arrays_.extent(move.second).overlaps(arrays_.extent(other.first));
  };
  while (!moves.empty()) {
    const auto ready = std::find_if(moves.begin(), moves.end(), [&](const Move& move) {
      return std::none_of(moves.begin(), moves.end(), [&](const Move& other) { return clobbers(move, other); });
    });
    if (ready != moves.end()) {
      copy_elements({&*ready, 1});
      moves.erase(ready);
      continue;
    }
    // What is left trades places: arrays of one size, moved element by element.
    const auto size = arrays_.count(moves[0].second);
    const auto others = std::stable_partition(moves.begin(), moves.end(),
                                              [&](const Move& move) { return arrays_.count(move.second) == size; });
    for (auto move = moves.begin(); move != others; ++move)
      if (std::any_of(others, moves.end(), [&](const Move& other) { return clobbers(*move, other); }))
        throw InternalError("spirv: arrays of different sizes trade places");
    copy_elements({moves.begin(), others});
    moves.erase(moves.begin(), others);
  }
}

std::vector<std::uint32_t> KernelEmitter::finish() {
  const auto require = [&](Kind kind, bool offered, std::string_view what) {
    if (offered || !module_.uses(kind)) return;
    throw Error(fmt::format("gpu: the program uses {}, got {} without them; use the cpu backend or another device",
                            what, device_.name));
  };
  require(Kind::i8, device_.int8, "booleans or 8-bit integers");
  require(Kind::i16, device_.int16, "16-bit integers or floats");
  require(Kind::f64, device_.float64, "64-bit floats");
  return module_.finish();
}

void KernelEmitter::complete(const KernelState& state) {
  const Variable turns = module_.variable(i32(0), "turns");
  const Value wanted = module_.resize_unsigned(module_.push_constant(PushConstants::turns), Kind::i32);
  module_.loop_range(i32(0), wanted, i32(1),
                     [&](Value turn) { module_.write(turns, module_.binary(IntegerBinary::add, turn, i32(1))); });
  module_.if_then(module_.compare(IntegerCompare::equal, module_.read(turns), wanted), [&] {
    module_.atomic_add(
        module_.binary(IntegerBinary::add, arrays_.state_address(), module_.integer(Kind::i64, state.completions)),
        i32(1));
  });
}

}  // namespace jaxc::spirv
