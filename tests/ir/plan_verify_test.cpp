// Each rule of a Plan, broken once; and what a Plan looks like in print.
#include <gtest/gtest.h>

#include "ir/placement.h"
#include "jaxc/error.h"
#include "tests/ir/program_builder.h"

namespace jaxc::ir::testing {
namespace {

struct Broken {
  std::string_view rule;  ///< a part of the message
  std::function<void(Plan&)> change;
};

// The sample's nodes: 2 is the reduction, 3 the ordered update, 4 the scan with the nest 5, 11 the while loop.
constexpr NodeId reduction = 2;
constexpr NodeId update = 3;
constexpr NodeId scan = 4;
constexpr NodeId scan_body = 5;

TEST(PlanVerify, AcceptsOwnMemoryForEveryArray) {
  const Program program = sample_program();
  EXPECT_NO_THROW(verify(program, naive_plan(program)));
}

TEST(PlanVerify, FindsEachBrokenRule) {
  const Program program = sample_program();
  const Loop& loop = std::get<Loop>(program.body.nodes[4].kind);
  const ArrayId y = 3;
  const ArrayId flat = 4;
  const ArrayId argument = loop.carries[0].argument;
  const ArrayId next = loop.carries[0].next;
  constexpr std::string_view two_like_buffers = "a doubled carry has two like buffers";
  const auto doubled = [&](const std::function<void(Plan&)>& change) {
    return [=](Plan& p) {
      for (const ArrayId array : {argument, next}) p.buffers[array].bytes = 24;
      p.loops[scan].carries = {CarryMode::doubled};
      change(p);
    };
  };
  const std::vector<Broken> rows = {
      {"every array has a placement", [](Plan& p) { p.placements.pop_back(); }},
      {"buffer exists", [&](Plan& p) { p.placements[y].buffer = 99; }},
      {"a3 has a stride a dimension", [&](Plan& p) { p.placements[y].strides = {1}; }},
      {"a3 lies within its buffer", [&](Plan& p) { p.placements[y].strides = {4, 1}; }},
      {"a3 lies within its buffer", [&](Plan& p) { p.placements[y].offset = -1; }},
      {"a12 lies within its buffer",
       [&](Plan& p) { p.placements[loop.inputs[0].argument] = Placement{y, 0, {1}, {{scan, 4}}, {}}; }},
      {"a3 moves with loops around it only", [&](Plan& p) { p.placements[y].loop_strides = {{scan, 1}}; }},
      {"scratch buffers lie aligned within the arena", [&](Plan& p) { p.buffers[y].slot = 4; }},
      {"scratch buffers lie aligned within the arena", [&](Plan& p) { p.buffers[y].slot = -64; }},
      {"scratch buffers lie aligned within the arena", [](Plan& p) { p.scratch_bytes = 64; }},
      {"a buffer's size is not negative", [&](Plan& p) { p.buffers[y].bytes = -4; }},
      {"every array's buffer exists", [](Plan& p) { p.placements[0].buffer = 99; }},
      {"a0 lies row-major in input 0", [](Plan& p) { p.placements[0].strides = {1, 4}; }},
      {"lies row-major in output 0", [](Plan& p) { p.placements[8].offset = 1; }},
      {"cuts ascend between the outermost nodes", [](Plan& p) { p.cuts = {0}; }},
      {"cuts ascend between the outermost nodes", [](Plan& p) { p.cuts = {2, 1}; }},
      {"cuts ascend between the outermost nodes", [](Plan& p) { p.cuts = {2, 2}; }},
      {"cuts ascend between the outermost nodes", [&](Plan& p) { p.cuts = {program.body.nodes.size()}; }},
      {"every nest has a schedule", [](Plan& p) { p.nests.erase(reduction); }},
      {"every axis has a schedule", [](Plan& p) { p.nests[reduction].axes.pop_back(); }},
      {"the order names every axis once", [](Plan& p) { p.nests[reduction].order = {0, 0}; }},
      {"the order names every axis once", [](Plan& p) { p.nests[reduction].order = {0}; }},
      {"lanes have a width", [](Plan& p) { p.nests[reduction].axes[0].width = 0; }},
      {"ordered axes and reductions without merge are serial",
       [](Plan& p) { p.nests[update].axes[0].schedule = Schedule::lanes; }},
      {"one parallel axis at most has blocks", [](Plan& p) { p.nests[reduction].axes[0] = {Schedule::serial, 4}; }},
      {"one parallel axis at most has blocks", [](Plan& p) { p.nests[update].axes[0] = {Schedule::serial, 4}; }},
      {"one parallel axis at most has blocks",
       [](Plan& p) { p.nests[0].axes = {{Schedule::serial, 4}, {Schedule::serial, 4}}; }},
      {"a loop's lane is an axis of stores in such a loop",
       [](Plan& p) { p.nests[scan_body].axes[0].schedule = Schedule::loop_lane; }},
      {"every loop has a plan", [](Plan& p) { p.loops.erase(scan); }},
      {"every carry has a mode", [](Plan& p) { p.loops[scan].carries.clear(); }},
      {"a carry in place has one place", [](Plan& p) { p.loops[scan].carries = {CarryMode::in_place}; }},
      {"a doubled carry has two like buffers",
       [&](Plan& p) {
         p.placements[next] = p.placements[argument];
         p.loops[scan].carries = {CarryMode::doubled};
       }},
      {two_like_buffers, doubled([&](Plan& p) { p.buffers[next].storage = Storage::stack; })},
      {two_like_buffers, doubled([&](Plan& p) { p.buffers[next].bytes += 4; })},
      {two_like_buffers, doubled([&](Plan& p) { p.placements[next].offset = 1; })},
      {two_like_buffers, doubled([&](Plan& p) { p.placements[next].strides = {2}; })},
      {"a3 is written in read-only memory", [&](Plan& p) { p.placements[y] = p.placements[0]; }},
      // y is needed after it is flattened, so the update may not be made in place over it.
      {"node 3 (line 4:1): a6 overwrites",
       [&](Plan& p) { p.placements[flat].buffer = p.placements[y].buffer = p.placements[6].buffer; }},
      // The initial carry is needed by the branch after the loop.
      {"is written in read-only memory", [&](Plan& p) { p.placements[argument] = p.placements[2]; }},
  };
  for (const Broken& row : rows) {
    Plan plan = naive_plan(program);
    row.change(plan);
    try {
      verify(program, plan);
      ADD_FAILURE() << "not found: " << row.rule;
    } catch (const InternalError& error) {
      EXPECT_NE(std::string_view(error.what()).find(row.rule), std::string_view::npos)
          << error.what() << "\nwanted: " << row.rule;
    }
  }
}

TEST(PlanVerify, JudgesOrdersAndLanes) {
  struct Row {
    std::string_view rule;  ///< a part of the message; empty: accepted
    std::function<void(Program&, Plan&)> change;
  };
  const auto ordered = [](Program& program) {
    for (Axis& axis : std::get<Nest>(program.body.nodes[0].kind).axes) axis.kind = AxisKind::ordered;
  };
  const auto in_lanes = [](Program& program, Plan& plan, AxisKind kind) {
    std::get<Nest>(std::get<Loop>(program.body.nodes[4].kind).body.nodes[0].kind).axes[0].kind = kind;
    plan.loops[scan].lane_extents = {3};
    plan.nests[scan_body].axes[0].schedule = Schedule::loop_lane;
  };
  const std::vector<Row> rows = {
      {"", [&](Program& program, Plan&) { ordered(program); }},
      {"",
       [&](Program& program, Plan& plan) { ordered(program), plan.nests[0].axes[1].schedule = Schedule::unrolled; }},
      {"keep their order", [&](Program& program, Plan& plan) { ordered(program), plan.nests[0].order = {1, 0}; }},
      {"", [&](Program& program, Plan& plan) { in_lanes(program, plan, AxisKind::parallel); }},
      {"a loop's lane is an axis of stores",
       [&](Program& program, Plan& plan) { in_lanes(program, plan, AxisKind::reduced); }},
  };
  for (std::size_t k = 0; k < rows.size(); ++k) {
    Program program = sample_program();
    Plan plan = naive_plan(program);
    rows[k].change(program, plan);
    std::string message;
    try {
      verify(program, plan);
    } catch (const InternalError& error) {
      message = error.what();
    }
    EXPECT_EQ(message.empty(), rows[k].rule.empty()) << "row " << k << ": " << message;
    EXPECT_NE(message.find(rows[k].rule), std::string::npos) << "row " << k << ": " << message;
  }
}

TEST(PlanVerify, AcceptsSharingThatLosesNothing) {
  const Program program = sample_program();
  const Loop& loop = std::get<Loop>(program.body.nodes[4].kind);
  const Carry& carry = loop.carries[0];
  Plan plan = naive_plan(program);
  plan.placements[carry.next] = plan.placements[carry.argument];
  plan.placements[carry.result] = plan.placements[carry.argument];
  plan.loops[scan].carries = {CarryMode::in_place};
  plan.placements[4] = Placement{plan.placements[3].buffer, 0, {1}, {}, {}};  // the reshape is a view
  const StackedInput& input = loop.inputs[0];
  plan.placements[input.argument] = Placement{plan.placements[3].buffer, 0, {1}, {{scan, 3}}, {}};
  const StackedOutput& output = loop.outputs[0];
  plan.placements[output.value] = Placement{plan.placements[output.result].buffer, 0, {1}, {{scan, 3}}, {}};
  EXPECT_NO_THROW(verify(program, plan)) << print(program, plan);
  EXPECT_TRUE(same_place(program, plan, 3, 4));
  EXPECT_TRUE(is_view(program, plan, input.argument, input.source, 0, scan));
  EXPECT_TRUE(is_view(program, plan, output.value, output.result, 0, scan));
}

TEST(PlanPrint, ShowsBuffersPlacesAndSchedules) {
  const Program program = sample_program();
  Plan plan = naive_plan(program);
  plan.nests[0].axes[1] = {Schedule::lanes, 16};
  plan.cuts = {1, 3};
  plan.loops[scan].reason = "all steps run in one native function";
  const std::string text = print(program, plan);
  for (const std::string_view line : {
           "  cut before outermost nodes 1, 3\n",
           "  b0: input 0, 48 bytes\n",
           "  a3: f32[4,3] at b3 strides 3,1\n",
           "  n0: nest 0 serial, 1 lanes 16\n",
           "  n4: loop scan fused (all steps run in one native function) copied\n",
       })
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(Placements, LayoutsJoinContiguousDimensions) {
  EXPECT_EQ(layout({4, 3}, {3, 1}), layout({12}, {1}));
  EXPECT_EQ(layout({4, 1, 3}, {3, 99, 1}), layout({4, 3}, {3, 1}));
  EXPECT_FALSE(layout({4, 3}, {4, 1}) == layout({12}, {1}));
  EXPECT_FALSE(layout({4, 3}, {1, 4}) == layout({4, 3}, {3, 1}));
}

}  // namespace
}  // namespace jaxc::ir::testing
