// What a native user includes: every loss and its loops.  Sums and means are reduce/reduce.hpp.
#pragma once
#include "ufloss/losses/binary.hpp"
#include "ufloss/losses/contrastive.hpp"
#include "ufloss/losses/ctc.hpp"
#include "ufloss/losses/deviance.hpp"
#include "ufloss/losses/divergence.hpp"
#include "ufloss/losses/focal.hpp"
#include "ufloss/losses/margins.hpp"
#include "ufloss/losses/multiclass.hpp"
#include "ufloss/losses/pairs.hpp"
#include "ufloss/losses/ranking.hpp"
#include "ufloss/losses/regression.hpp"
#include "ufloss/losses/segmentation.hpp"
#include "ufloss/losses/similarity.hpp"
#include "ufloss/losses/softmax.hpp"
#include "ufloss/registry.hpp"
// Loops are for the host: on a device a thread is the loop, and takes the formulas as they are.
#if !defined(__CUDACC__)
#include "ufloss/kinds/elementwise/loop.hpp"
#include "ufloss/kinds/lattice/loop.hpp"
#include "ufloss/kinds/list/loop.hpp"
#include "ufloss/kinds/pairs/loop.hpp"
#include "ufloss/kinds/row/loop.hpp"
#endif

UFL_BEGIN

/// Every loss of a kind.
template <loss_kind Kind>
using all_losses =
    losses_of<Kind, regression_losses, margins_losses, binary_losses, focal_losses, deviance_losses,
              softmax_losses, divergence_losses, multiclass_losses, ranking_losses, similarity_losses,
              contrastive_losses, segmentation_losses, pairs_losses, ctc_losses>;
// For native users and tests that go over a kind; the units of the tables name their families one by one.
using elementwise_losses = all_losses<loss_kind::elementwise>;
using row_losses = all_losses<loss_kind::row>;
using list_losses = all_losses<loss_kind::list>;
using pair_losses = all_losses<loss_kind::pairs>;

UFL_END
