// Emits loads, folds within vectors, and chains of vectors and tiles.
#include "backends/llvm/prefix.h"

#include <algorithm>

#include "backends/llvm/program.h"
#include "backends/llvm/region.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Combinations of few operations are made twice, so that a vector waits for one of them alone.
constexpr std::size_t cheap_operations = 4;

/// Threads that together are faster than one, although they fold every tile twice.
constexpr std::int64_t threads_that_pay = 3;

/// The widest scalar that the combination computes with.
std::int64_t widest_bytes(const ir::Region& region) {
  std::size_t widest = 1;
  for (const ir::ScalarOp& op : region.ops)
    if (op.opcode != ir::Opcode::constant) widest = std::max(widest, jaxc::element_bytes(op.dtype));
  return static_cast<std::int64_t>(widest);
}

}  // namespace

PrefixEmitter::PrefixEmitter(Code& code, Arrays& arrays, const ir::Routine& routine, std::int64_t tile)
    : code_(code), arrays_(arrays), prefix_(*routine.prefix), tile_(tile) {
  const Shape& shape = arrays.info(routine.inputs[0]).shape;
  for (int k = 0; k < prefix_.dimension; ++k) lines_ *= shape[static_cast<std::size_t>(k)];
  extent_ = shape[static_cast<std::size_t>(prefix_.dimension)];
  for (std::size_t k = 0; k < routine.inputs.size(); ++k) {
    const ir::ProgramArray& info = arrays.info(routine.inputs[k]);
    const Shape element(info.shape.begin() + prefix_.dimension + 1, info.shape.end());
    leaves_.push_back({routine.inputs[k], routine.outputs[k], static_cast<int>(element_count(element))});
    scalars_.insert(scalars_.end(), static_cast<std::size_t>(leaves_.back().scalars), info.dtype);
  }
  width_ = static_cast<int>(std::clamp<std::int64_t>(code.vector_bits / (8 * widest_bytes(prefix_.combine)), 1, 64));
}

Values PrefixEmitter::initial() const {
  Values values;
  for (std::size_t k = 0; k < scalars_.size(); ++k) {
    Value* scalar = prefix_.identity.empty() ? llvm::Constant::getNullValue(code_.value_type(scalars_[k]))
                                             : code_.constant(prefix_.identity[k]);
    values.push_back(code_.splat(scalar, width_));
  }
  return values;
}

Values PrefixEmitter::combined(const Values& a, const Values& b, Value* only_second) {
  Values arguments(a);
  arguments.append(b.begin(), b.end());
  Values values = RegionEmitter(code_, width_, nullptr).emit(prefix_.combine, arguments);
  for (std::size_t k = 0; k < values.size(); ++k) {
    values[k] = code_.splat(values[k], width_);
    if (only_second != nullptr) values[k] = code_.builder.CreateSelect(only_second, b[k], values[k]);
  }
  return values;
}

Value* PrefixEmitter::address(ir::ArrayId array, int scalars, Value* line, Value* step, int valid) {
  llvm::IRBuilder<>& builder = code_.builder;
  Value* position = step;
  if (prefix_.reverse) position = builder.CreateSub(code_.integer(extent_ - valid), step);
  position = builder.CreateAdd(builder.CreateMul(line, code_.integer(extent_)), position);
  return builder.CreateGEP(code_.memory_type(arrays_.info(array).dtype), arrays_.dense_pointer(array),
                           builder.CreateMul(position, code_.integer(scalars)));
}

void PrefixEmitter::load(const Leaf& leaf, Value* line, Value* step, int valid, Values& values) {
  llvm::IRBuilder<>& builder = code_.builder;
  const DType dtype = arrays_.info(leaf.input).dtype;
  llvm::Type* element = code_.memory_type(dtype);
  auto* type = llvm::FixedVectorType::get(element, static_cast<unsigned>(width_));
  const llvm::Align align(jaxc::element_bytes(dtype));
  Value* pointer = address(leaf.input, leaf.scalars, line, step, valid);
  std::vector<Value*> vectors;
  for (int k = 0; k < leaf.scalars; ++k) {
    const int count = std::clamp(valid * leaf.scalars - k * width_, 0, width_);
    Value* place = builder.CreateConstGEP1_64(element, pointer,
                                              static_cast<std::uint64_t>(k) * static_cast<std::uint64_t>(width_));
    Value* vector = llvm::Constant::getNullValue(type);
    if (count == width_)
      vector = builder.CreateAlignedLoad(type, place, align);
    else if (count > 0)
      vector = builder.CreateMaskedLoad(type, place, align, code_.first_lanes(count, width_), vector);
    vectors.push_back(dtype == DType::boolean ? builder.CreateICmpNE(vector, llvm::Constant::getNullValue(type))
                                              : vector);
  }
  for (int scalar = 0; scalar < leaf.scalars; ++scalar) {
    std::vector<Piece> pieces;
    for (int lane = 0; lane < width_; ++lane) {
      const int number = lane * leaf.scalars + scalar;
      pieces.push_back({vectors[static_cast<std::size_t>(number / width_)], number % width_});
    }
    values.push_back(leaf.scalars == 1 ? vectors[0] : arrays_.assemble(pieces, width_));
  }
}

void PrefixEmitter::store(const Values& values, Value* line, Value* step, int valid) {
  llvm::IRBuilder<>& builder = code_.builder;
  std::size_t first = 0;
  for (const Leaf& leaf : leaves_) {
    const DType dtype = arrays_.info(leaf.result).dtype;
    llvm::Type* element = code_.memory_type(dtype);
    const llvm::Align align(jaxc::element_bytes(dtype));
    Value* pointer = address(leaf.result, leaf.scalars, line, step, valid);
    for (int k = 0; k < leaf.scalars; ++k) {
      const int count = std::clamp(valid * leaf.scalars - k * width_, 0, width_);
      if (count == 0) continue;
      std::vector<Piece> pieces;
      for (int lane = 0; lane < width_; ++lane) {
        const int number = k * width_ + lane;
        pieces.push_back({values[first + static_cast<std::size_t>(number % leaf.scalars)], number / leaf.scalars});
      }
      Value* vector = leaf.scalars == 1 ? values[first] : arrays_.assemble(pieces, width_);
      if (dtype == DType::boolean)
        vector = builder.CreateZExt(vector, llvm::FixedVectorType::get(element, static_cast<unsigned>(width_)));
      Value* place = builder.CreateConstGEP1_64(element, pointer,
                                                static_cast<std::uint64_t>(k) * static_cast<std::uint64_t>(width_));
      if (count == width_)
        builder.CreateAlignedStore(vector, place, align);
      else
        builder.CreateMaskedStore(vector, place, align, code_.first_lanes(count, width_));
    }
    first += static_cast<std::size_t>(leaf.scalars);
  }
}

Values PrefixEmitter::scanned(Value* line, Value* step, int valid) {
  llvm::IRBuilder<>& builder = code_.builder;
  Values values;
  for (const Leaf& leaf : leaves_) load(leaf, line, step, valid, values);
  // Shifting in an identity saves selections, but shifting in zeros is a slow instruction.
  const Values none = initial();
  const bool shifts_identity = !prefix_.identity.empty() && std::none_of(none.begin(), none.end(), [](Value* value) {
    return llvm::cast<llvm::Constant>(value)->isNullValue();
  });
  for (int distance = 1; distance < valid; distance *= 2) {
    llvm::SmallVector<int, 16> source;
    llvm::SmallVector<llvm::Constant*, 16> reached;
    for (int lane = 0; lane < width_; ++lane) {
      const int from = prefix_.reverse ? lane + distance : lane - distance;
      const bool inside = from >= 0 && from < valid;
      source.push_back(inside ? from : shifts_identity ? width_ + lane : lane);
      reached.push_back(builder.getInt1(inside));
    }
    Values shifted;
    for (std::size_t k = 0; k < values.size(); ++k)
      shifted.push_back(builder.CreateShuffleVector(values[k], none[k], source));
    Values both = combined(shifted, values);
    if (!shifts_identity)
      for (std::size_t k = 0; k < values.size(); ++k)
        both[k] = builder.CreateSelect(llvm::ConstantVector::get(reached), both[k], values[k]);
    values = std::move(both);
  }
  return values;
}

Values PrefixEmitter::last(const Values& values, int valid) {
  const llvm::SmallVector<int, 16> source(static_cast<std::size_t>(width_), prefix_.reverse ? 0 : valid - 1);
  Values result;
  for (Value* value : values) result.push_back(code_.builder.CreateShuffleVector(value, source));
  return result;
}

void PrefixEmitter::repeat(Value* count, Values& carried, llvm::function_ref<void(Value*)> body) {
  if (const auto known = known_integer(count)) {
    if (*known > 0) code_.counted_loop("vector", *known, carried, body);
    return;
  }
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::BasicBlock* before = builder.GetInsertBlock();
  llvm::BasicBlock* header = code_.new_block("vector");
  llvm::BasicBlock* after = code_.new_block("after");
  const Values first(carried);
  builder.CreateCondBr(builder.CreateICmpSGT(count, code_.integer(0)), header, after);
  builder.SetInsertPoint(header);
  llvm::PHINode* counter = builder.CreatePHI(builder.getInt64Ty(), 2);
  counter->addIncoming(code_.integer(0), before);
  llvm::SmallVector<llvm::PHINode*, 8> phis;
  for (Value*& value : carried) {
    phis.push_back(builder.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    value = phis.back();
  }
  body(counter);
  Value* next = builder.CreateAdd(counter, code_.integer(1), "", /*HasNUW=*/true, /*HasNSW=*/true);
  llvm::BasicBlock* latch = builder.GetInsertBlock();
  counter->addIncoming(next, latch);
  for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(carried[k], latch);
  builder.CreateCondBr(builder.CreateICmpSLT(next, count), header, after);
  builder.SetInsertPoint(after);
  for (std::size_t k = 0; k < carried.size(); ++k) {
    llvm::PHINode* merged = builder.CreatePHI(carried[k]->getType(), 2);
    merged->addIncoming(first[k], before);
    merged->addIncoming(carried[k], latch);
    carried[k] = merged;
  }
}

Values PrefixEmitter::tile(Value* line, Value* tile, const Values* before) {
  llvm::IRBuilder<>& builder = code_.builder;
  const std::int64_t whole = extent_ / tile_;
  const std::int64_t rest = extent_ % tile_;
  const auto stored = [&](const Values& values, Value* step, int valid) {
    const bool alone = tiles() == 1;
    Value* is_first = builder.CreateICmpEQ(tile, code_.integer(0));
    store(alone ? values : combined(*before, values, unless_identity(is_first)), line, step, valid);
  };
  Value* begin = builder.CreateMul(tile, code_.integer(tile_));
  Value* is_whole = builder.CreateICmpSLT(tile, code_.integer(whole));
  Value* count = builder.CreateSelect(is_whole, code_.integer(tile_ / width_), code_.integer(rest / width_));
  const std::size_t operations = prefix_.combine.ops.size() - prefix_.combine.arguments.size();
  Values sum = initial();
  repeat(count, sum, [&](Value* number) {
    Value* step = builder.CreateAdd(begin, builder.CreateMul(number, code_.integer(width_)));
    Value* is_first = unless_identity(builder.CreateICmpEQ(number, code_.integer(0)));
    const Values values = scanned(line, step, width_);
    const bool twice = operations <= cheap_operations;
    if (before == nullptr) {
      sum = combined(sum, last(values, width_), is_first);
      return;
    }
    const Values all = combined(sum, values, is_first);
    stored(all, step, width_);
    sum = twice ? combined(sum, last(values, width_), is_first) : last(all, width_);
  });
  const auto partial = static_cast<int>(rest % width_);
  if (before != nullptr && partial > 0) {
    Values none;
    code_.when(builder.CreateNot(is_whole), none, [&] {
      Value* step = code_.integer(extent_ - partial);
      Values values = scanned(line, step, partial);
      if (rest >= width_) values = combined(sum, values);
      stored(values, step, partial);
    });
  }
  return sum;
}

Values PrefixEmitter::advanced(const Values& before, const Values& total, Value* tile) {
  return combined(before, total, unless_identity(code_.builder.CreateICmpEQ(tile, code_.integer(0))));
}

void PrefixEmitter::line(Value* line) {
  Values before = initial();
  if (tiles() == 1) {
    tile(line, code_.integer(0), &before);
    return;
  }
  code_.counted_loop("tile", tiles(), before, [&](Value* number) {
    const Values total = tile(line, number, &before);
    before = advanced(before, total, number);
  });
}

void PrefixEmitter::store_element(const Values& element, Value* pointer) {
  llvm::IRBuilder<>& builder = code_.builder;
  for (std::size_t k = 0; k < element.size(); ++k) {
    Value* scalar = is_vector(element[k]) ? builder.CreateExtractElement(element[k], std::uint64_t{0}) : element[k];
    if (scalars_[k] == DType::boolean) scalar = builder.CreateZExt(scalar, code_.memory_type(DType::boolean));
    builder.CreateAlignedStore(scalar, builder.CreateConstGEP1_64(builder.getInt64Ty(), pointer, k), llvm::Align(8));
  }
}

Values PrefixEmitter::load_element(Value* pointer) {
  llvm::IRBuilder<>& builder = code_.builder;
  Values element;
  for (std::size_t k = 0; k < scalars_.size(); ++k) {
    llvm::Type* type = code_.memory_type(scalars_[k]);
    Value* scalar =
        builder.CreateAlignedLoad(type, builder.CreateConstGEP1_64(builder.getInt64Ty(), pointer, k), llvm::Align(8));
    if (scalars_[k] == DType::boolean) scalar = builder.CreateICmpNE(scalar, llvm::Constant::getNullValue(type));
    element.push_back(code_.splat(scalar, width_));
  }
  return element;
}

void ProgramEmitter::prefix(const ir::Routine& routine, const ir::RoutinePlan& plan) {
  llvm::IRBuilder<>& builder = code_.builder;
  // A tile's vectors are folded side by side, one operation at a time, and wait for each other.
  code_.module.getOrInsertNamedMetadata(scheduled);
  PrefixEmitter emitter(code_, arrays_, routine, plan.tile);
  const auto lines = [&](std::int64_t count, Value* begin) {
    Values none;
    const auto line = [&](Value* number) {
      emitter.line(begin == nullptr ? number : builder.CreateAdd(begin, number));
    };
    if (count == 1) return line(code_.integer(0));
    code_.counted_loop("line", count, none, line);
  };
  if (plan.parts == 1) return lines(emitter.lines(), nullptr);
  if (plan.part_bytes == 0) return in_runs(emitter.lines(), (emitter.lines() + plan.parts - 1) / plan.parts, {}, lines);
  // One thread folds and stores each tile at once; two that fold first and store later would take as long.
  auto* type = llvm::FunctionType::get(builder.getInt64Ty(), {builder.getPtrTy()}, false);
  Value* threads = builder.CreateCall(code_.module.getOrInsertFunction("jaxc_threads", type), {code_.entry->getArg(4)});
  Value* alone = builder.CreateICmpSLT(threads, code_.integer(threads_that_pay));
  Values none;
  code_.when(alone, none, [&] { lines(emitter.lines(), nullptr); });
  code_.when(builder.CreateNot(alone), none, [&] { shared_prefix(emitter, plan); });
}

// Threads share out a line in turns of tiles that fit the caches: they fold the tiles, one thread folds the folds, and
// they store the tiles' prefixes. The memory begins with the turn's first tile and the line; each tile has its fold and
// then that of the tiles before.
void ProgramEmitter::shared_prefix(PrefixEmitter& emitter, const ir::RoutinePlan& plan) {
  llvm::IRBuilder<>& builder = code_.builder;
  Values none;
  const std::int64_t turn_tiles = plan.parts - 1;
  const auto memory = [&](std::int64_t offset) {
    return builder.CreateConstGEP1_64(builder.getInt8Ty(), code_.entry->getArg(3),
                                      static_cast<std::uint64_t>(plan.workspace + offset));
  };
  const auto tile_memory = [&](Value* part, std::int64_t offset) {
    return builder.CreateGEP(builder.getInt8Ty(), memory(plan.part_bytes + offset),
                             builder.CreateMul(part, code_.integer(plan.part_bytes)));
  };
  // Those tiles of this turn that come before `limit`.
  const auto in_tiles = [&](std::int64_t limit,
                            llvm::function_ref<void(Value * part, Value * tile, Value * line)> body) {
    in_parts(turn_tiles, {}, [&](Value* part) {
      Value* first = builder.CreateAlignedLoad(builder.getInt64Ty(), memory(0), llvm::Align(8));
      Value* line = builder.CreateAlignedLoad(builder.getInt64Ty(), memory(8), llvm::Align(8));
      Value* tile = builder.CreateAdd(first, part);
      code_.when(builder.CreateICmpSLT(tile, code_.integer(limit)), none, [&] { body(part, tile, line); });
    });
  };
  code_.counted_loop("line", emitter.lines(), none, [&](Value* line) {
    Values before = emitter.initial();
    code_.counted_loop("turn", (emitter.tiles() + turn_tiles - 1) / turn_tiles, before, [&](Value* turn) {
      Value* first = builder.CreateMul(turn, code_.integer(turn_tiles));
      builder.CreateAlignedStore(first, memory(0), llvm::Align(8));
      builder.CreateAlignedStore(line, memory(8), llvm::Align(8));
      in_tiles(emitter.tiles() - 1, [&](Value* part, Value* tile, Value* of_line) {
        emitter.store_element(emitter.tile(of_line, tile, nullptr), tile_memory(part, 0));
      });
      code_.counted_loop("fold", turn_tiles, before, [&](Value* part) {
        emitter.store_element(before, tile_memory(part, emitter.element_bytes()));
        before = emitter.advanced(before, emitter.load_element(tile_memory(part, 0)), builder.CreateAdd(first, part));
      });
      in_tiles(emitter.tiles(), [&](Value* part, Value* tile, Value* of_line) {
        const Values tiles_before = emitter.load_element(tile_memory(part, emitter.element_bytes()));
        emitter.tile(of_line, tile, &tiles_before);
      });
    });
  });
}

}  // namespace jaxc::cpu
