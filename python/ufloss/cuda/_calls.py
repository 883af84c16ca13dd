"""A loss, or one of its derivatives, as a function of arrays on a GPU."""

from operator import index

from .. import _core
from . import _checks
from ._arrays import READERS, current_device, describe, extent, library_of
from ._driver import driver
from ._kernels import launches_of

MOST_ENTRIES = 512  # calls of different shapes that a function remembers
FACTS = {}  # of the devices, by number


class Entry:
    """All that a call of certain shapes, types and alignments needs but addresses."""

    __slots__ = (
        "classes",
        "device",
        "extents",
        "in_place",
        "label_launches",
        "label_plan",
        "launches",
        "outputs",
        "plan",
        "workspace",
        "zeros",
    )


def facts_of(device):
    found = FACTS.get(device)
    if found is None:
        found = FACTS[device] = driver().facts(device)
    return found


class Function:
    """One attribute of a loss; see its docstring for the arguments."""

    def __init__(self, isa, loss, attribute, place, defaults):
        self.loss, self.attribute = loss, attribute
        self.record = isa, place
        self.results = _core.count_outputs(isa, place)
        self.name = loss["name"]
        self.__name__ = f"{self.name}.{attribute}" if attribute else self.name
        self.__qualname__, self.__module__ = self.__name__, "ufloss.cuda"
        self.names, self.defaults = tuple(a["name"] for a in loss["args"]), defaults
        self.said = tuple(f"{self.name}: {name}" for name in self.names)
        self.keywords = ("axis", "keepdims") if loss["dims"] == "n" else ()
        self.entries = {}

    def __repr__(self):
        return f"<function ufloss.cuda.{self.__name__}>"

    def __reduce__(self):
        return find_function, (self.__name__,)

    # --- a call -----
    def __call__(self, *args, out=None, where=True, **options):
        if options or len(args) != len(self.names):
            args, out, options = self.bind(args, out, options)
        lead, stream, keys, addresses = self.read(args, where)
        if out is not None:
            return self.run_into(out, len(args), lead, stream, keys, addresses, options)

        key = (*keys, *options.items()) if options else tuple(keys)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.answer(key, keys, len(args), None, options)
        library, source, name = lead
        if stream is None:
            stream = library.stream(entry.device)
        results, at = [], []
        for element, shape in entry.outputs:
            result, address = library.new(shape, element, entry.device, entry.zeros, source, name)
            results.append(result)
            at.append(address)
            if address & 15:  # of a library whose arrays are not aligned: a plan of its own
                return self.run_into(None, len(args), lead, stream, keys, addresses, options)
        if entry.launches != ():
            n = len(args)
            self.start(entry, (*addresses[:n], *at, *addresses[n:]), lead, stream)
        return results[0] if len(results) == 1 else tuple(results)

    def bind(self, args, out, options):
        """The inputs in order, with defaults, and what else was given."""
        values, behind = _core.bind(self.__name__, self.names, self.defaults, args, options)
        if behind:
            if out is not None:
                raise TypeError(f"{self.__name__}() has out both by its place and by its name")
            out = behind if len(behind) > 1 or self.results > 1 else behind[0]
        for name in options:
            if name not in self.keywords:
                raise TypeError(f"{self.__name__}() got an unexpected keyword argument {name!r}")
        if "axis" in options:
            options["axis"] = as_axes(self.name, options["axis"])
        values = [d if x is None else x for x, d in zip(values, self.defaults, strict=True)]
        return values, out, options

    def arrange(self, args, options):
        """All inputs in order, with defaults, and the other keywords, for whoever wraps this function."""
        if "out" in options:
            raise TypeError(f"{self.__name__}() has no out here")
        where = options.pop("where", True)
        inputs, out, options = self.bind(args, None, options)
        if out is not None:
            raise TypeError(f"{self.__name__}() takes {len(self.names)} arguments")
        return inputs, {"where": where, **options}

    def read(self, args, where):
        """The first array as (library, array, name), its stream where it is known yet, keys and addresses of
        all inputs and of the mask.
        """
        lead = stream = device = None
        keys, addresses = [], []
        given = zip(args, self.said, strict=True)
        if where is not True and where is not None:
            given = zip((*args, where), (*self.said, f"{self.name}: where"), strict=True)
        for x, name in given:
            library = READERS.get(type(x)) or library_of(x, name)
            if library.foreign:
                if stream is None:
                    stream = library.stream_of(x) if lead is None else lead[0].stream(device)
                key, address = library.read(x, name, stream)
            else:
                key, address = library.read(x, name)
            if lead is None and key[0] != "number":
                lead, device = (library, x, name), key[-1]
            keys.append(key)
            addresses.append(address)
        if lead is None:
            raise TypeError(f"{self.name}: none of the arguments is an array on a GPU")
        return lead, stream, keys, addresses

    def run_into(self, out, n, lead, stream, keys, addresses, options):
        """A call whose results have places already, or some of them."""
        outs = list(out) if isinstance(out, tuple) else [out] * (1 if out is not None else self.results)
        if len(outs) != self.results or (self.results > 1 and not isinstance(out, tuple | None)):
            raise TypeError(f"{self.name}: out must be a tuple of {self.results} arrays")
        if None in [x if x is None else 0 for x in outs]:
            fresh = self.answer(None, keys, n, None, options)
            for k, (element, shape) in enumerate(fresh.outputs):
                if outs[k] is None:
                    outs[k], _ = lead[0].new(shape, element, fresh.device, fresh.zeros, *lead[1:])
        out_keys = []
        if stream is None:
            stream = lead[0].stream(next(key[-1] for key in keys if key[0] != "number"))
        for k, x in enumerate(outs):
            name = f"{self.name}: out" if self.results == 1 else f"{self.name}: out[{k}]"
            library = library_of(x, name)
            key, address = library.read(x, name, stream, True) if library.foreign else library.read(x, name)
            if key[0] == "number":
                raise TypeError(f"{name} must be an array on a GPU")
            out_keys.append(key)
            addresses.insert(n + k, address)
        key = (*keys, "out", *out_keys, *options.items())
        entry = self.entries.get(key)
        if entry is None:
            entry = self.answer(key, keys, n, out_keys, options)
        self.refuse_overlaps(entry, n, keys, out_keys, addresses)
        if entry.launches != ():
            self.start(entry, tuple(addresses), lead, stream)
        return outs[0] if self.results == 1 else tuple(outs)

    def refuse_overlaps(self, entry, n, keys, out_keys, addresses):
        """An output may be an input where the kernels can take that, never a part of one."""
        places = [*keys[:n], *out_keys, *keys[n:]]
        spans = [(at + low, at + high) for at, (low, high) in zip(addresses, entry.extents, strict=True)]
        for k in range(n, n + len(out_keys)):
            for other, (low, high) in enumerate(spans):
                if other == k or low >= spans[k][1] or spans[k][0] >= high or low == high:
                    continue
                same = places[other][1:4] == places[k][1:4] and addresses[other] == addresses[k]
                if entry.in_place and same and other < n:
                    continue
                what = (
                    self.names[other] if other < n else "where" if other >= n + len(out_keys) else "another"
                )
                which = "out" if self.results == 1 else f"out[{k - n}]"
                raise ValueError(f"{self.name}: {which} overlaps the memory of {what}")

    # --- what is kept -----
    def answer(self, key, keys, n, out_keys, options):
        """The entry of a call, kept under `key`."""
        names = [*self.said, *[f"{self.name}: where"] * (len(keys) - n)]
        device = self.device_of([*zip(keys, names, strict=True)], out_keys)
        facts = facts_of(device)
        arrays = [describe(k, name) for k, name in zip(keys, names, strict=True)]
        outs = None if out_keys is None else [describe(k, f"{self.name}: out") for k in out_keys]
        mask = arrays[n] if len(arrays) > n else None
        outputs, gaps, in_place, work, labels, classes = _core.cuda_answer(
            *self.record, arrays[:n], mask, outs, options.get("axis"), options.get("keepdims", False), facts
        )
        entry = Entry()
        entry.device, entry.outputs, entry.in_place, entry.classes = device, outputs, in_place, classes
        entry.zeros, entry.extents = gaps, [extent(a) for a in (*arrays[:n], *(outs or ()), *arrays[n:])]
        entry.workspace, entry.plan, entry.launches = work.workspace, work, None if len(work) else ()
        entry.label_plan, entry.label_launches = labels, None
        if key is not None:
            if len(self.entries) >= MOST_ENTRIES:
                self.entries.clear()
            self.entries[key] = entry
        return entry

    def device_of(self, named_keys, out_keys):
        """The one device of all arrays."""
        named_keys = named_keys + [(key, f"{self.name}: out") for key in out_keys or ()]
        found = [(key[-1], name) for key, name in named_keys if key[0] != "number" and key[-1] is not None]
        for device, name in found:
            if device != found[0][0]:
                first = found[0][1].rpartition(" ")[2]
                raise ValueError(f"{name} is on device {device}, {first} on device {found[0][0]}")
        return found[0][0] if found else current_device()

    def start(self, entry, addresses, lead, stream):
        """Hands the launches to the stream."""
        cuda = driver()
        was = cuda.activate(entry.device)
        try:
            memory = 0
            if entry.launches is None:  # the first call: here is where kernels are compiled
                entry.launches = launches_of(entry.plan, entry.device, facts_of(entry.device))
            if entry.workspace:
                _scratch, memory = _checks.aligned_bytes(entry.workspace, entry.device, lead)
            for launch in entry.launches:
                launch.start(cuda, addresses, memory, stream)
            if _checks.active.get():
                _checks.look(self.name, entry, addresses, lead, stream)
        finally:
            if was is not None:
                cuda.restore(was)


def as_axes(name, axis):
    """What `_core.cuda_answer` takes: () for all."""
    if axis is None:
        return ()
    try:
        axes = axis if isinstance(axis, tuple) else (axis,)
        return tuple(index(a) for a in axes)
    except TypeError:
        raise TypeError(
            f"{name}: axis must be an integer, a tuple of integers or None, not {axis!r}"
        ) from None


def find_function(name):
    """The function of that name, for pickles."""
    from ._functions import find

    return find(name)
