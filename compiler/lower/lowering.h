// Lowering: writes a Program node by node; what every lowering rule is given.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/jaxpr.h"
#include "ir/program.h"
#include "ir/region_builder.h"
#include "jaxc/array.h"

namespace jaxc::compiler {

struct LowerOptions {
  /// JAX's flag jax_threefry_partitionable: how random bits are counted.
  bool threefry_partitionable = true;
  /// Whether loops and nests are arranged for caches, as processors like it: results where they are wanted, row by row.
  bool for_caches = true;
};

/// How a Program holds elements of `dtype`: f16 and bf16 as u16, 4-bit integers as 8-bit ones, complex
/// numbers as pairs of reals, keys as pairs of u32. Throws Error for 8-bit floats and float0.
DType storage_dtype(DType dtype);
/// The shape in a Program: complex numbers and keys have a trailing extent 2.
Shape storage_shape(const Type& type);
/// The type that arithmetic on `dtype` is done in: f32 for f16 and bf16, the storage type for others.
DType compute_dtype(DType dtype);

/// coefficient * op + offset, as an index.
inline ir::Index at(ir::OpId op, std::int64_t coefficient = 1, std::int64_t offset = 0) {
  return ir::Index{offset, {ir::Index::Term{coefficient, op}}};
}
/// A fixed index.
inline ir::Index fixed(std::int64_t offset) {
  return ir::Index{offset, {}};
}
/// One index per operation.
std::vector<ir::Index> at(std::span<const ir::OpId> ops);

/// The value, in compute_dtype, that `merge` (add, mul, min, max, bit_and, bit_or, bit_xor) leaves others of `dtype`
/// unchanged with.
ir::ScalarConstant identity_of(ir::Opcode merge, DType dtype);

/// A scalar during lowering of elementwise code, in compute_dtype; complex numbers have both parts, and keys both
/// words.
struct ScalarValue {
  ir::OpId real = 0;
  std::optional<ir::OpId> imaginary = std::nullopt;
};

/// An operand sliced by a loop along `axis`.
struct Sliced {
  ir::ArrayId array = 0;
  int axis = 0;
};

/// What Lowering::loop is told.
struct LoopForm {
  std::string name;
  std::int64_t trip_count = 0;
  bool reverse = false;
  std::vector<ir::ArrayId> carries = {};  ///< initial values
  std::vector<Sliced> inputs = {};
  int output_axis = 0;  ///< where stacked outputs get their axis over steps
};

/// What a loop's body is given.
struct LoopArguments {
  ir::ArrayId position = 0;  ///< i64 scalar: the step's position along the stacked axes
  std::vector<ir::ArrayId> carries;
  std::vector<ir::ArrayId> inputs;
};

/// What a loop's body gives, and what a loop gives (last carries, stacked outputs).
struct LoopValues {
  std::vector<ir::ArrayId> carries;
  std::vector<ir::ArrayId> outputs;
};

/// What Lowering::update stores at a point.
struct Store {
  ir::OpId value = 0;
  std::vector<ir::Index> indices;
  std::optional<ir::OpId> guard = std::nullopt;
};

/// Where a fold's point is stored, when that is not the point itself: an affine map onto the result.
struct Spread {
  Shape shape;
  std::function<std::vector<ir::Index>(std::span<const ir::OpId> axes)> indices;
};

/// Holds the Program under construction and the equation that is being lowered. Arrays of the Program are
/// named by ArrayId and assigned once; nodes go to the innermost open block.
class Lowering {
 public:
  /// Values of operands, in order, to the value of the result.
  using Elementwise = std::function<ir::OpId(ir::RegionBuilder&, std::span<const ir::OpId>)>;
  /// One operation per axis to the value at that point.
  using Pointwise = std::function<ir::OpId(ir::RegionBuilder&, std::span<const ir::OpId> axes)>;
  using Folded =
      std::function<ir::OpId(ir::RegionBuilder&, std::span<const ir::OpId> axes, std::span<const ir::OpId> reduced)>;
  using FoldedMany = std::function<std::vector<ir::OpId>(ir::RegionBuilder&, std::span<const ir::OpId> axes,
                                                         std::span<const ir::OpId> reduced)>;
  using Stored = std::function<Store(ir::RegionBuilder&, std::span<const ir::OpId> axes)>;
  using ScalarRule = std::function<ScalarValue(ir::RegionBuilder&, std::span<const ScalarValue>)>;

  explicit Lowering(const LowerOptions& options) : options_(options) {}
  Lowering(const Lowering&) = delete;
  Lowering& operator=(const Lowering&) = delete;

  const LowerOptions& options() const { return options_; }

  // ---- The equation being lowered.

  const Type& type(const ir::Atom& atom) const;
  /// The operand as an array in storage form (storage_dtype, storage_shape).
  ir::ArrayId array(const ir::Atom& atom);
  std::vector<ir::ArrayId> arrays(std::span<const ir::Atom> atoms);
  /// One element of an operand in storage form; a literal is a constant and needs no array.
  ir::OpId element(ir::RegionBuilder& builder, const ir::Atom& atom, std::vector<ir::Index> indices);
  /// One element of an operand in compute_dtype; `indices` have none for a complex number's part or a key's
  /// word.
  ScalarValue element_value(ir::RegionBuilder& builder, const ir::Atom& atom, std::vector<ir::Index> indices);
  /// An array of compute_dtype rounded to `dtype`, in storage form; the array itself where they are the same.
  ir::ArrayId rounded(DType dtype, ir::ArrayId array);
  /// An operand as an array of compute_dtype.
  ir::ArrayId widened(const ir::Atom& atom);
  /// An operand of so many multiplications as an array of compute_dtype, where that is wider and each element takes
  /// part in many of them; nothing for others, which are widened where they are multiplied.
  std::optional<ir::ArrayId> widened_factor(const ir::Atom& atom, std::int64_t multiplications);
  /// A scalar of storage_dtype as compute_dtype, and back.
  ir::OpId widen(ir::RegionBuilder& builder, DType dtype, ir::OpId value);
  ir::OpId round(ir::RegionBuilder& builder, DType dtype, ir::OpId value);
  /// The variable's value; of storage_dtype and storage_shape. Values may be shared: no copy is needed.
  void define(ir::Variable variable, ir::ArrayId value);
  /// Values of compute_dtype: each rounded to its variable's dtype.
  void define_rounded(std::span<const ir::Variable> variables, std::span<const ir::ArrayId> values);
  /// The literal's value in storage form; `part` 1 is an imaginary part.
  ir::ScalarConstant constant(const ir::Literal& literal, int part = 0) const;
  /// Throws Error "primitive: message", with the equation's place.
  [[noreturn]] void fail(std::string_view message) const;
  /// Whether scalars of a region are written instead of arrays.
  bool writes_region() const { return frames_.back().builder != nullptr; }
  /// Lowers an elementwise equation with one output: operands are read, converted to compute_dtype, given to
  /// `rule`, and its value rounded to the output's dtype. Works inside scalar regions too (see region).
  void elementwise(const ir::Equation& equation, const ScalarRule& rule);

  // ---- Arrays and nodes.

  ir::ArrayId new_array(DType dtype, Shape shape);
  const ir::ProgramArray& info(ir::ArrayId array) const { return program_.arrays[array]; }
  DType dtype(ir::ArrayId array) const { return info(array).dtype; }
  Shape shape(ir::ArrayId array) const { return info(array).shape; }
  /// Adds a node to the innermost open block.
  void emit(decltype(ir::Node::kind) kind);
  /// The number of a library function such as "exp_f32", for RegionBuilder::call; added on first use.
  std::uint64_t function(std::string_view name);
  /// A call of the library function `name`, whose result has `dtype`.
  ir::OpId call(ir::RegionBuilder& builder, std::string_view name, std::vector<ir::OpId> arguments);
  /// A read of an array's element, whose dtype is known here.
  ir::OpId read(ir::RegionBuilder& builder, ir::ArrayId array, std::vector<ir::Index> indices) const;
  ir::OpId read(ir::RegionBuilder& builder, ir::ArrayId array, std::span<const ir::OpId> indices) const;
  ir::OpId read(ir::RegionBuilder& builder, ir::ArrayId array, std::initializer_list<ir::OpId> indices) const;
  /// The element of a rank 0 array.
  ir::OpId read_scalar(ir::RegionBuilder& builder, ir::ArrayId array) const;

  // ---- Nests. Results have the value's dtype.

  /// One value per point of `shape`, from the operands at that point; rank 0 operands go everywhere.
  ir::ArrayId map(const Shape& shape, std::span<const ir::ArrayId> operands, const Elementwise& body);
  ir::ArrayId map(const Shape& shape, std::initializer_list<ir::ArrayId> operands, const Elementwise& body);
  /// One value per point of `shape`, computed from the point's axes.
  ir::ArrayId generate(const Shape& shape, const Pointwise& body);
  /// The values, of `dtype`, over `reduced` folded by `merge` from its identity.
  ir::ArrayId reduce(const Shape& shape, const Shape& reduced, ir::Opcode merge, DType dtype, const Folded& body,
                     const std::optional<Spread>& spread = std::nullopt);
  /// The fold by one opcode.
  static ir::Reduction merging(ir::Opcode merge, DType dtype);
  /// One value per point of `shape` and accumulator, folded over `reduced`. With `merge` in the reduction its step
  /// must be that opcode on accumulator k and value k.
  std::vector<ir::ArrayId> fold(const Shape& shape, const Shape& reduced, ir::Reduction reduction,
                                const FoldedMany& body, const std::optional<Spread>& spread = std::nullopt);
  /// `base` with one element replaced per point of `shape`, where the guard holds; with `combine`, by
  /// combine(old element, value). Points of axes that `ordered` names may collide and run in order.
  ir::ArrayId update(ir::ArrayId base, const Shape& shape, const Stored& body,
                     std::optional<ir::Region> combine = std::nullopt,
                     const std::function<bool(std::size_t axis)>& ordered = nullptr);
  ir::ArrayId fill(ir::ScalarConstant value, const Shape& shape);
  /// A table that is part of the program; of a type that is its own storage_dtype.
  ir::ArrayId table(Array values);
  ir::ArrayId copy(ir::ArrayId source);
  /// The same elements in row-major order under another shape.
  ir::ArrayId reshape(ir::ArrayId source, Shape shape);
  /// Rank 0 arrays.
  ir::ArrayId scalar(ir::ScalarConstant value) { return fill(value, {}); }

  // ---- Control. A body sees every array assigned before it; what it gives may be any array it sees
  // (copies are added where Program asks for a value of the body's own).

  LoopValues loop(const LoopForm& form, const std::function<LoopValues(const LoopArguments&)>& body);
  /// Runs while `condition` (a boolean scalar) holds.
  std::vector<ir::ArrayId> loop_while(
      std::string name, std::span<const ir::ArrayId> initial,
      const std::function<ir::ArrayId(std::span<const ir::ArrayId>)>& condition,
      const std::function<std::vector<ir::ArrayId>(std::span<const ir::ArrayId>)>& body);
  /// The results of block number `index` (i32 scalar, clamped).
  std::vector<ir::ArrayId> branch(ir::ArrayId index, std::span<const std::function<std::vector<ir::ArrayId>()>> blocks);
  /// A named computation; `expansion` writes it and gives its outputs.
  std::vector<ir::ArrayId> routine(std::string name, std::span<const ir::ArrayId> inputs,
                                   const std::function<std::vector<ir::ArrayId>()>& expansion,
                                   std::optional<ir::Ordering> ordering = std::nullopt,
                                   std::optional<ir::Prefix> prefix = std::nullopt);
  /// A routine of dense linear algebra, which a library can stand in for.
  std::vector<ir::ArrayId> routine(std::string name, const ir::MatrixRoutine& matrix,
                                   std::span<const ir::ArrayId> inputs,
                                   const std::function<std::vector<ir::ArrayId>()>& expansion);
  /// Whether nodes go to the program's own block: not into a loop, branch or routine.
  bool is_outermost() const { return blocks_.size() == 1; }
  /// The nodes that `body` writes and the arrays that it gives, as a block that belongs to no node.
  ir::Block block_apart(const std::function<std::vector<ir::ArrayId>()>& body);
  /// The jaxpr's outputs; `inputs` are in storage form. Its constants' values, if any, come first.
  std::vector<ir::ArrayId> lower_jaxpr(const ir::Jaxpr& jaxpr, std::span<const ir::ArrayId> inputs);
  /// A jaxpr over scalars as a region: its inputs, in storage form, are the arguments; a complex number is two. Throws
  /// Error when an equation is not elementwise.
  ir::Region region(const ir::Jaxpr& jaxpr);

  /// A wrapped jaxpr's scalars, while a region is written.
  void inline_scalars(const ir::Equation& equation, const ir::Jaxpr& jaxpr);

 private:
  friend ir::Program lower(const ir::Jaxpr&, std::span<const Array>, const LowerOptions&);

  /// The values of a jaxpr's variables: arrays, or scalars while a region is written.
  struct Frame {
    const ir::Jaxpr* jaxpr = nullptr;
    std::vector<std::optional<ir::ArrayId>> arrays;
    std::vector<std::optional<ScalarValue>> scalars;
    ir::RegionBuilder* builder = nullptr;  ///< set while a region is written
  };
  struct OpenBlock {
    ir::Block block;
    std::uint32_t number = 0;
  };

  void open_block();
  ir::Block close_block(std::vector<ir::ArrayId> results);
  /// The array itself when the open block assigned it by a node and `taken` lacks it, else a copy; adds it.
  ir::ArrayId own(ir::ArrayId array, std::vector<ir::ArrayId>& taken);
  void lower_equations();
  void lower_equation(const ir::Equation& equation);
  /// The jaxpr's outputs from its inputs, in storage form.
  std::vector<ScalarValue> scalars_of(ir::RegionBuilder& builder, const ir::Jaxpr& jaxpr,
                                      std::span<const ScalarValue> inputs);
  /// A variable or literal of the region's jaxpr, in storage form.
  ScalarValue scalar_of(ir::RegionBuilder& builder, const ir::Atom& atom) const;
  ScalarValue load(ir::RegionBuilder& builder, const ir::Atom& atom, std::span<const ir::OpId> axes);

  LowerOptions options_;
  ir::Program program_;
  std::vector<std::uint32_t> owner_;  ///< by array: the number of the block whose node assigns it, 0 for none
  std::vector<OpenBlock> blocks_;
  std::uint32_t block_count_ = 0;
  std::vector<Frame> frames_;
  const ir::Equation* equation_ = nullptr;
  std::map<std::string, std::uint64_t, std::less<>> functions_;
};

}  // namespace jaxc::compiler
