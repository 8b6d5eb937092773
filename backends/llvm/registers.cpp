// Arrays in registers: elements are lanes of SSA values, so that loads are shuffles and reshapes are free.
#include <fmt/format.h>

#include <algorithm>

#include "backends/llvm/arrays.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Arrays in registers that are indexed by values take a chain of selects this long at most.
constexpr std::size_t longest_chain = 64;

}  // namespace

Value* Arrays::assemble(llvm::ArrayRef<Piece> pieces, int width) {
  llvm::IRBuilder<>& builder = code_.builder;
  const bool equal = std::all_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return piece == pieces[0]; });
  if (equal)
    return pieces[0].lane < 0
               ? pieces[0].value
               : builder.CreateExtractElement(pieces[0].value, static_cast<std::uint64_t>(pieces[0].lane));
  const auto piece_of = [&](int lane) -> const Piece& {
    return pieces[static_cast<std::size_t>(std::min<int>(lane, static_cast<int>(pieces.size()) - 1))];
  };
  std::vector<Value*> sources;
  for (const Piece& piece : pieces)
    if (std::find(sources.begin(), sources.end(), piece.value) == sources.end()) sources.push_back(piece.value);
  llvm::Type* element = pieces[0].lane < 0 ? pieces[0].value->getType() : pieces[0].value->getType()->getScalarType();
  Value* result = llvm::PoisonValue::get(llvm::FixedVectorType::get(element, static_cast<unsigned>(width)));
  bool empty = true;
  for (Value* source : sources) {
    if (!is_vector(source)) {
      for (int lane = 0; lane < width; ++lane)
        if (piece_of(lane).value == source)
          result = builder.CreateInsertElement(result, source, static_cast<std::uint64_t>(lane));
      empty = false;
      continue;
    }
    llvm::SmallVector<int, 16> from_source;
    llvm::SmallVector<int, 16> blend;
    bool identity = sources.size() == 1 && llvm::cast<llvm::FixedVectorType>(source->getType())->getNumElements() ==
                                               static_cast<unsigned>(width);
    for (int lane = 0; lane < width; ++lane) {
      const Piece& piece = piece_of(lane);
      from_source.push_back(piece.value == source ? piece.lane : -1);
      blend.push_back(piece.value == source ? width + lane : lane);
      if (lane < static_cast<int>(pieces.size())) identity = identity && piece.lane == lane;
    }
    if (identity) return source;
    Value* shuffled = builder.CreateShuffleVector(source, from_source);
    result = empty ? shuffled : builder.CreateShuffleVector(result, shuffled, blend);
    empty = false;
  }
  return result;
}

Value* Arrays::load_registers(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) {
  llvm::IRBuilder<>& builder = code_.builder;
  const RegisterArray& elements = registers_[array];
  if (elements.empty())
    throw InternalError(fmt::format("cpu: array {} in registers is read before it is assigned", array));
  const auto at = [&](std::int64_t index) -> const Piece& {
    const Piece& piece = elements[static_cast<std::size_t>(
        std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(elements.size()) - 1))];
    if (piece.value == nullptr) throw InternalError(fmt::format("cpu: an element of array {} is not assigned", array));
    return piece;
  };
  if (number.terms.empty() && number.varying == nullptr) {
    if (number.uniform(lanes.valid))
      return assemble({at(number.constant + (number.lanes.empty() ? 0 : number.lanes[0]))}, 1);
    if (per_lane(array))
      throw InternalError(fmt::format("cpu: lanes of a nest inside a loop run in lanes ({})", array));
    std::vector<Piece> pieces;
    for (int lane = 0; lane < lanes.valid; ++lane)
      pieces.push_back(at(number.constant + number.lanes[static_cast<std::size_t>(lane)]));
    return assemble(pieces, lanes.width);
  }
  if (elements.size() > longest_chain)
    throw InternalError(fmt::format("cpu: array {} in registers is indexed by a value", array));
  Value* index = number_value(number, lanes.width);
  Value* result = assemble({at(0)}, 1);
  for (std::size_t k = 1; k < elements.size(); ++k) {
    Value* element = assemble({at(static_cast<std::int64_t>(k))}, 1);
    Value* here = builder.CreateICmpEQ(
        index, code_.splat(code_.integer(static_cast<std::int64_t>(k)), is_vector(index) ? lanes.width : 1));
    if (is_vector(here) || is_vector(element) || is_vector(result)) {
      element = code_.splat(element, lanes.width);
      result = code_.splat(result, lanes.width);
    }
    result = builder.CreateSelect(here, element, result);
  }
  return result;
}

void Arrays::store_registers(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, Value* value,
                             Value* guard) {
  llvm::IRBuilder<>& builder = code_.builder;
  RegisterArray& elements = registers_[array];
  elements.resize(static_cast<std::size_t>(register_count(array)));
  const auto choose = [&](Value* condition, Value* other) {
    Value* stored = value;
    if (is_vector(condition) || is_vector(stored) || is_vector(other)) {
      stored = code_.splat(stored, lanes.width);
      other = code_.splat(other, lanes.width);
    }
    return builder.CreateSelect(condition, stored, other);
  };
  if (!number.terms.empty() || number.varying != nullptr) {
    if (elements.size() > longest_chain || (lanes.width > 1 && !per_lane(array)))
      throw InternalError(fmt::format("cpu: array {} in registers is indexed by a value", array));
    Value* index = number_value(number, lanes.width);
    for (std::size_t k = 0; k < elements.size(); ++k) {
      if (elements[k].value == nullptr)
        throw InternalError(fmt::format("cpu: array {} in registers is updated before it is assigned", array));
      Value* here = builder.CreateICmpEQ(
          index, code_.splat(code_.integer(static_cast<std::int64_t>(k)), is_vector(index) ? lanes.width : 1));
      if (guard != nullptr) here = code_.both(here, guard, lanes.width);
      elements[k] = {choose(here, assemble({elements[k]}, 1)), -1};
    }
    return;
  }
  if (guard != nullptr) value = choose(guard, load_registers(array, number, lanes));
  for (int lane = 0; lane < lanes.valid; ++lane) {
    const std::int64_t index =
        number.constant + (number.lanes.empty() ? 0 : number.lanes[static_cast<std::size_t>(lane)]);
    if (index < 0 || index >= static_cast<std::int64_t>(elements.size()))
      throw InternalError(fmt::format("cpu: array {} in registers has no element {}", array, index));
    Piece& piece = elements[static_cast<std::size_t>(index)];
    if (per_lane(array) || lanes.width == 1 || !is_vector(value)) {
      piece = {value, -1};
      if (per_lane(array)) break;
    } else {
      piece = {value, lane};
    }
  }
}

}  // namespace jaxc::cpu
