// Each rule of what a Plan hands to a library, broken once in a Plan that is otherwise right.
#include <gtest/gtest.h>

#include "jaxc/error.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

using Axis = ProductPlan::Axis;

constexpr NodeId product_node = 0;
constexpr NodeId factor_node = 2;
constexpr NodeId prefix_node = 4;

/// 0: image f32[6] and kernel f32[3] to f32[6], 2: a routine with a library, 4: one of prefixes; each of which a
/// nest that negates stands for, since what it computes is not verified.
Program library_program() {
  ProgramBuilder b;
  const ArrayId image = b.input(DType::f32, {6});
  b.input(DType::f32, {3});
  const auto negate = [&](ArrayId from, ArrayId to) {
    return b.map(to,
                 [&](RegionBuilder& r, std::span<const OpId> i) { return r.unary(Opcode::neg, b.read(r, from, i)); });
  };
  const ArrayId result = b.array(DType::f32, {6});
  b.add(negate(image, result));
  const ArrayId loose = b.array(DType::f32, {6});
  b.add(negate(result, loose));
  ArrayId last = loose;
  for (const bool is_prefix : {false, true}) {
    Routine routine;
    routine.name = is_prefix ? "cumsum" : "cholesky";
    if (is_prefix)
      routine.prefix = Prefix{ProgramBuilder::step(Opcode::add, DType::f32), {}, 0, false};
    else
      routine.matrix = MatrixRoutine{};
    const ArrayId output = b.array(DType::f32, {6});
    routine.inputs = {last};
    routine.outputs = {output};
    routine.expansion.nodes.push_back(node(negate(last, output)));
    routine.expansion.results = {output};
    b.add(routine);
    last = output;
  }
  b.output(last);
  return b.finish();
}

/// result[i] = sum over k of image[i + k - 1] kernel[k], where an element of the image that does not exist is 0.
Plan library_plan(const Program& program) {
  Plan plan = naive_plan(program);
  ProductPlan product;
  product.left = 0;
  product.right = 1;
  product.result = 2;
  product.workspace = plan.scratch_bytes;
  product.runs = 2;
  product.bytes = 64;
  ProductPlan::Piece piece;
  piece.offsets = {-1, 0, 0};
  piece.rows = {Axis{6, 1, 0, 1, {1}}};
  piece.columns = {Axis{}};
  piece.folded = {Axis{3, 1, 1, 0, {1}}};
  piece.batch = {Axis{}};
  piece.bounds = {ProductPlan::Bound{-1, 6, 1}};
  product.pieces = {piece};
  plan.nests.at(product_node).product = product;
  plan.scratch_bytes += 128;
  plan.routines[factor_node] = {RoutinePath::library, "", 0, plan.scratch_bytes, 64, 2};
  plan.routines[prefix_node] = {RoutinePath::prefix, "", 128, plan.scratch_bytes, 64, 2};
  plan.scratch_bytes += 128;
  return plan;
}

struct Row {
  std::string_view rule;  ///< a part of the message; empty: the plan is right
  std::function<void(Plan&)> change;
};

ProductPlan& product(Plan& p) {
  return *p.nests.at(product_node).product;
}
ProductPlan::Piece& piece(Plan& p) {
  return product(p).pieces[0];
}
RoutinePlan& factor(Plan& p) {
  return p.routines.at(factor_node);
}
RoutinePlan& prefix(Plan& p) {
  return p.routines.at(prefix_node);
}

void expect_verdicts(const Program& program, const std::vector<Row>& rows) {
  for (std::size_t k = 0; k < rows.size(); ++k) {
    Plan plan = library_plan(program);
    rows[k].change(plan);
    std::string message;
    try {
      verify(program, plan);
    } catch (const InternalError& error) {
      message = error.what();
    }
    EXPECT_EQ(message.empty(), rows[k].rule.empty()) << "row " << k << ": " << rows[k].rule << message;
    EXPECT_NE(message.find(rows[k].rule), std::string::npos) << "row " << k << ": " << message;
  }
}

TEST(PlanVerifyLibraries, Products) {
  constexpr std::string_view memory = "a library's memory lies aligned within the arena";
  constexpr std::string_view within = "a library stays within its arrays";
  expect_verdicts(
      library_program(),
      {{"", [](Plan&) {}},
       {"", [](Plan& p) { piece(p).folded[0] = Axis{0, 1, 1, 0, {1}}; }},  // sums of nothing
       {memory, [](Plan& p) { product(p).workspace = -64; }},
       {memory, [](Plan& p) { product(p).workspace -= 32; }},
       {memory, [](Plan& p) { product(p).workspace = p.scratch_bytes - 64; }},
       {memory, [](Plan& p) { product(p).runs = 0; }},
       {memory, [](Plan& p) { product(p).bytes = 32; }},
       {"a library knows few bounds", [](Plan& p) { piece(p).bounds.resize(ProductPlan::most_bounds + 1); }},
       {"a library's arrays lie dense in memory",
        [](Plan& p) { p.placements[2].strides = {-1}, p.placements[2].offset = 5; }},
       {"a library's arrays lie dense in memory", [](Plan& p) { p.buffers[2].storage = Storage::stack; }},
       {"a library knows some axes", [](Plan& p) { piece(p).columns.clear(); }},
       {"a library knows some axes", [](Plan& p) { piece(p).batch.resize(ProductPlan::most_axes + 1); }},
       {"a library's axes have positions", [](Plan& p) { piece(p).rows[0].extent = 0; }},
       {"coordinates grow along axes", [](Plan& p) { piece(p).rows[0].coordinates = {-1}; }},
       {within, [](Plan& p) { piece(p).bounds[0].limit = 7; }},
       {within, [](Plan& p) { piece(p).bounds[0].origin = -2; }},
       {within, [](Plan& p) { piece(p).offsets[0] = -2; }},
       {within, [](Plan& p) { piece(p).offsets[1] = 1; }},
       {within, [](Plan& p) { piece(p).folded[0].right = -1; }},
       {within, [](Plan& p) { piece(p).rows[0].result = 2; }},
       {within, [](Plan& p) { product(p).parts[2] = 1; }},
       {within, [](Plan& p) { product(p).parts[1] = -1; }}});
}

TEST(PlanVerifyLibraries, Routines) {
  constexpr std::string_view memory = "a library's memory lies aligned within the arena";
  constexpr std::string_view known = "a library stands in for what it knows, and tiles for prefixes";
  expect_verdicts(library_program(),
                  {{known, [](Plan& p) { prefix(p).path = RoutinePath::library; }},
                   {known, [](Plan& p) { factor(p).path = RoutinePath::prefix, factor(p).tile = 64; }},
                   {known, [](Plan& p) { prefix(p).tile = 0; }},
                   {known, [](Plan& p) { prefix(p).tile = 96; }},
                   {memory, [](Plan& p) { factor(p).workspace = -64; }},
                   {memory, [](Plan& p) { factor(p).workspace -= 32; }},
                   {memory, [](Plan& p) { factor(p).part_bytes = 32; }},
                   {memory, [](Plan& p) { factor(p).parts = 0; }},
                   {memory, [](Plan& p) { factor(p).parts = 3; }},
                   {"a library's arrays lie dense in memory", [](Plan& p) { p.buffers[3].storage = Storage::stack; }},
                   {"a library's arrays lie dense in memory", [](Plan& p) { p.buffers[4].storage = Storage::stack; }}});
}

TEST(PlanVerifyLibraries, RoutinesRunOutsideLoops) {
  Program inside;
  {
    Program outside = library_program();
    ProgramBuilder b;
    b.program.arrays = outside.arrays;
    b.program.inputs = outside.inputs;
    Loop loop;
    loop.name = "scan";
    loop.trip_count = 2;
    loop.position = b.array(DType::i64);
    loop.body.nodes = outside.body.nodes;
    b.add(loop);
    inside = b.finish();
  }
  Plan plan = naive_plan(inside);
  EXPECT_NO_THROW(verify(inside, plan));
  plan.routines[factor_node + 1] = {RoutinePath::library, "", 0, plan.scratch_bytes, 64, 1};
  plan.scratch_bytes += 64;
  EXPECT_THROW(verify(inside, plan), InternalError);
}

}  // namespace
}  // namespace jaxc::ir::testing
