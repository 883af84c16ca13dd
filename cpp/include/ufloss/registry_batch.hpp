// THE list of losses over all pairs of a batch, as registry.hpp is that of elementwise ones.
#pragma once
#include "ufloss/losses/pairs.hpp"
#include "ufloss/registry.hpp"

UFL_BEGIN

using batch_losses = loss_list<ntxent_loss, supervised_contrastive_loss>;

UFL_END
