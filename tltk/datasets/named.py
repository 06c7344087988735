"""Data sets by name: those of the bundle, and sets of TensorFlow Datasets."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from tltk._cache import bundle_folder, content_digest, sha256_of
from tltk._checks import check_choice, check_count, refuse, shown
from tltk.datasets._tfds import tfds_examples
from tltk.inputs._tables import Texts, read_columns
from tltk.inputs.audio import Windows, cut_clip, prepared_sounds, resampled, windows_of
from tltk.inputs.decoding import (
    decoded,
    decoder_version,
    height_and_width,
    in_parallel,
    prepared_images,
    resize_images,
    resize_method,
)
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.splits import split_rows
from tltk.inputs.texts import text_examples

STORED_RATE = 8000


def bundled_sounds(
    paths: list[Path], windows: Windows, called: str
) -> tuple[Examples, tuple[str, ...], list[dict[str, str]]]:
    """Cut the clips of some files into windows.

    Args:
        paths: sound files of 8 kHz; beside each lies its index, a `.tsv` with the columns start,
            length (both in samples) and label, and others.
        windows: how to cut.
        called: how a clip is called, such as "{label}/{speaker}/{take}".

    Returns:
        The examples, named "clip@second"; the class names; and each example's row of the index.
    """
    cut, rows, names = [], [], []
    for path in paths:
        for row, samples in _stored_clips(path, windows.rate):
            found = cut_clip(samples, windows)
            cut.append(found)
            rows += [row] * len(found)
            seconds = np.arange(len(found)) * windows.hop / windows.rate
            latest = max(0, len(samples) - windows.length) / windows.rate
            clip = called.format(**row)
            names += [f"{clip}@{second:.3f}" for second in np.minimum(seconds, latest)]
    class_names, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    waveforms = np.concatenate(cut)
    examples = Examples(
        fetch=lambda some: waveforms[some],
        labels=labels.astype("int32"),
        digest=content_digest(waveforms),
        names=tuple(names),
        count=len(waveforms),
        preparation=prepared_sounds(windows),
    )
    return examples, tuple(class_names.tolist()), rows


def _stored_clips(path, rate):
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32")
    divisor = np.gcd(rate, STORED_RATE)
    up, down = rate // divisor, STORED_RATE // divisor
    with open(path.with_suffix(".tsv"), encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            start = int(row["start"])
            clip = samples[start : start + int(row["length"])]
            yield row, clip if up == down else np.clip(resampled(clip, up, down), -1, 1)


_BUNDLED = {
    "cifar10_small": "small colour photographs of 10 things, 32 x 32 pixels (from CIFAR-10)",
    "mnist_small": "handwritten digits, 28 x 28 pixels, greyscale (from MNIST)",
}
_BUNDLED_PHOTOS = {
    "photos_small": "154 photographs of 8 subjects, 6 to 56 of each, up to 320 pixels a side",
}
_BUNDLED_TEXTS = {
    "sentiment_films": "sentences of film reviews, negative or positive",
    "sentiment_products": "sentences of product reviews, negative or positive",
    "sentiment_editorials": "sentences of newspaper editorials, negative or positive",
    "sentiment_tweets": "tweets, negative or positive",
}
_BUNDLED_WORDS = {
    "spoken_words": "the digits in English by 42 synthetic voices, three times",
    "spoken_words_german": "the digits in German by the same voices, once",
    "spoken_words_spanish": "the digits in Spanish by the same voices, once",
    "spoken_words_french": "the digits in French by the same voices, once",
    "spoken_words_turkish": "the digits in Turkish by the same voices, once",
    "spoken_words_swahili": "the digits in Swahili by the same voices, once",
}
_BUNDLED_PROMPTS = {
    "voice_prompts": "telephone prompts in English and Spanish by one woman, in French by another",
}
_TILES_ACROSS = 20
_BUNDLED_VAL = 1 / 3
_CARVED = 0.2


def load_dataset(
    name: str,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float | None = None,
    *,
    seed: int = 0,
    per_class: int | None = None,
    resize: str = "bicubic",
    data_dir: str | Path | None = None,
    seconds: float = 1.0,
    hop: float | None = None,
    rate: int = 16000,
    vectors: str | None = None,
) -> Splits:
    """Load a named data set.

    The bundled sets (see `list_datasets`) are small pictures, 300 for training and 100 for testing
    of each class; photographs, 77, 25 and 52 in three parts that never change, of which those of
    one monument or one shoot are in one part ("eiffel_tower-1" and "eiffel_tower-2": what stands
    before the hyphen is the group); texts, whose documents are on one side each; and recordings, of
    which the words' speakers and the prompts' clips are on one side each. Any other name is looked
    up in TensorFlow Datasets ("cats_vs_dogs", "imdb_reviews", "glue/sst2", "speech_commands" …):
    what has been prepared in `data_dir` is read without a network, the rest is downloaded. A set's
    own validation and test parts are kept; a missing one is carved out of the training part,
    stratified by class. Pictures are resized when they are used; those of TFDS are decoded then,
    once (see `image_folder`).

    Args:
        name: a bundled name, or a TFDS name.
        image_size: the height and width in pixels, or one number for both.
        batch_size: pictures or texts in a batch.
        val: share of the training part to use for validation where the set has no such part of
            its own; 0 for none. By default 100 of each class of small pictures, else 0.2.
        seed: decides what is carved out, what `per_class` draws, and the order.
        per_class: use this many training examples of each class. For one seed, those of a smaller
            number are among those of a larger one, and validation and test stay the same.
        resize: "bicubic", "bilinear", "lanczos" or "nearest", which squash; "crop" or "pad" (see
            `read_image`).
        data_dir: where TFDS sets are, and are downloaded to. By default `$TLTK_HOME/datasets` is
            read, then TFDS's own folder, which also takes downloads.
        seconds, hop, rate: how recordings are cut into windows (see `audio_folder`).
        vectors: "minilm" for what a sentence encoder has made of the bundled texts in place of
            their strings, 384 numbers each (the mean over the word pieces, whose length is not made
            one); rows, names and labels are the same as without.

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)`, of strings `(b,)`, of float32 vectors
        `(b, 384)`, or of float32 waveforms `(b, samples)`, and int32 labels `(b,)`. The bundled
        test parts and their order are the same for every seed, but for the prompts, which have no
        such part of their own. Photographs are named as their files, spoken words
        "digit/speaker/take@second". Who took a photograph is told by `photos_small/CREDITS.csv` in
        the bundle, the folder `data`.

    Raises:
        ValueError: for an unknown name, a set that is not of pictures, texts or sound with one
            label each, vectors of other sets than the bundled texts, or more examples per class
            than there are.
        ConnectionError: if the set must be downloaded and there is no network.

    Example:
        >>> digits = load_dataset("mnist_small", image_size=28, per_class=5)
        >>> [len(digits.files[part]) for part in ("train", "val", "test")]
        [50, 1000, 1000]
        >>> load_dataset("sentiment_films", vectors="minilm").test.arrays()[0].shape
        (2510, 384)

    Reference:
        Wang et al., MiniLM: deep self-attention distillation for task-agnostic compression of
        pre-trained transformers, 2020.
    """
    if not isinstance(name, str) or not name:
        advice = "list_datasets() tells the bundled ones"
        refuse("name must be the name of a data set", f"name={shown(name)}", advice)
    height_and_width(image_size)
    resize_method(resize)
    check_count("batch_size", batch_size)
    check_choice("vectors", vectors, (None, "minilm"), "None gives what a set is made of")
    if vectors and name not in _BUNDLED_TEXTS:
        advice = "Pass one of them, or leave vectors out and take extract_features"
        told = ", ".join(_BUNDLED_TEXTS)
        refuse(f"Only {told} have vectors", f"name={shown(name)}, {vectors=}", advice)
    default_val, groups = _CARVED, None
    if name in _BUNDLED:
        given, class_names = _bundled(name, image_size, resize)
        default_val = _BUNDLED_VAL
    elif name in _BUNDLED_PHOTOS:
        given, class_names = _bundled_photos(name, image_size, resize)
    elif name in _BUNDLED_TEXTS:
        given, class_names, groups = _bundled_texts(name, vectors)
    elif name in _BUNDLED_WORDS:
        given, class_names = _bundled_words(name, windows_of(seconds, hop, rate))
    elif name in _BUNDLED_PROMPTS:
        given, class_names, groups = _bundled_prompts(name, windows_of(seconds, hop, rate))
    else:
        bundled = tuple(_described())
        windows = windows_of(seconds, hop, rate)
        given, class_names = tfds_examples(name, image_size, resize, windows, data_dir, bundled)
        groups = _clips(given["train"].names) if {"val", "test"} - set(given) else None
    train = given["train"]
    rows = split_rows(
        np.array(class_names)[train.labels],
        val=0 if "val" in given else default_val if val is None else val,
        test=0 if "test" in given else _CARVED,
        groups=groups,
        seed=seed,
    )
    if per_class is not None:
        rows["train"] = _first_of_each(rows["train"], train.labels, per_class)
    parts = {part: train.take(some) for part, some in rows.items() if len(some)}
    return splits_of({**given, **parts}, class_names, batch_size)


def list_datasets() -> list[dict[str, Any]]:
    """List the data sets that need no network.

    Returns:
        One row per set: its name and what it holds.

    Example:
        >>> [row["name"] for row in list_datasets()][:3]
        ['cifar10_small', 'mnist_small', 'photos_small']
    """
    return [{"name": name, "description": text} for name, text in _described().items()]


def _described():
    return {**_BUNDLED, **_BUNDLED_PHOTOS, **_BUNDLED_TEXTS, **_BUNDLED_WORDS, **_BUNDLED_PROMPTS}


def _bundled(name, image_size, resize):
    folder = bundle_folder() / name
    class_names = tuple(sorted(sheet.stem for sheet in (folder / "train").glob("*.webp")))
    given = {}
    for part in ("train", "test"):
        tiles = [_tiles(folder / part / f"{label}.webp") for label in class_names]
        names = [
            f"{part}/{label}/{number:03d}"
            for label, some in zip(class_names, tiles, strict=True)
            for number in range(len(some))
        ]
        labels = np.repeat(np.arange(len(class_names), dtype="int32"), list(map(len, tiles)))
        pictures = np.concatenate(tiles)
        given[part] = _resized(pictures, labels, tuple(names), image_size, resize)
    order = np.random.default_rng(0).permutation(given["test"].count)
    return {**given, "test": given["test"].take(order)}, class_names


def _bundled_photos(name, image_size, resize):
    folder = bundle_folder() / name
    files, part_of_row = read_columns(folder / "split.tsv", ("file", "part"))
    contents = [(folder / file).read_bytes() for file in files]
    subjects = [file.split("/")[0] for file in files]
    class_names, labels = np.unique(subjects, return_inverse=True)

    def picture(row):
        return decoded(contents[row], files[row], image_size, resize)[0]

    digests = [sha256_of(content) for content in contents]
    settings = (digests, height_and_width(image_size), resize, decoder_version())
    everything = Examples(
        fetch=lambda rows: np.stack(in_parallel(picture, rows)),
        labels=labels.astype("int32"),
        digest=sha256_of(repr(settings).encode()),
        names=tuple(files),
        count=len(files),
        preparation=prepared_images(image_size, resize),
    )
    return _parts_in_order(everything, np.array(part_of_row)), tuple(class_names.tolist())


def _parts_in_order(everything, part_of_row):
    """The parts that each row tells, each in an order that is the same for every seed."""
    shuffled = np.random.default_rng(0).permutation(everything.count)
    return {
        part: everything.take(shuffled[part_of_row[shuffled] == part])
        for part in ("train", "val", "test")
    }


def _bundled_texts(name, vectors):
    domain = name.removeprefix("sentiment_")
    path = bundle_folder() / "sentiment" / f"{domain}.tsv.xz"
    columns = read_columns(path, ("part", "document", "label", "text"))
    part_of_row, documents, labels, texts = columns
    class_names = tuple(sorted(set(labels)))
    names = [f"row {number}" for number in range(1, len(texts) + 1)]
    everything = text_examples(Texts(texts, labels, documents, names), class_names)
    if vectors:
        rows = _bundled_vectors(domain)
        everything = everything.replace(fetch=rows.__getitem__, digest=content_digest(rows))
    part_of_row, documents = np.array(part_of_row), np.array(documents)
    train, test = (np.flatnonzero(part_of_row == part) for part in ("train", "test"))
    test = np.random.default_rng(0).permutation(test)
    given = {"train": everything.take(train), "test": everything.take(test)}
    return given, class_names, documents[train]


def _bundled_vectors(domain):
    """The encoder's vectors of a domain's texts, in the order of its file."""
    with np.load(bundle_folder() / "sentiment" / "minilm.npz") as archive:
        return archive["middle"] + archive["step"] * archive[domain]


def _bundled_words(name, windows):
    language = name.removeprefix("spoken_words").removeprefix("_") or "english"
    path = bundle_folder() / "spoken_words" / f"{language}.ogg"
    everything, class_names, rows = bundled_sounds([path], windows, "{label}/{speaker}/{take}")
    return _parts_in_order(everything, np.array([row["part"] for row in rows])), class_names


def _bundled_prompts(name, windows):
    paths = sorted((bundle_folder() / name).glob("*.flac"))
    everything, class_names, _ = bundled_sounds(paths, windows, "{label}/{prompt}")
    clips = [name.rpartition("@")[0] for name in everything.names or ()]
    return {"train": everything}, class_names, clips


def _clips(names):
    """The clip of each window, where names end in @second and a clip has several."""
    clips = [name.rpartition("@")[0] for name in names]
    return clips if clips[0] and len(set(clips)) < len(clips) else None


def _tiles(sheet):
    from PIL import Image

    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"))
    size = pixels.shape[1] // _TILES_ACROSS
    rows = pixels.reshape(-1, size, _TILES_ACROSS, size, 3)
    return rows.swapaxes(1, 2).reshape(-1, size, size, 3)


def _resized(pictures, labels, names, image_size, resize):
    return Examples(
        fetch=lambda rows: resize_images(pictures[rows], image_size, resize),
        labels=labels,
        digest=content_digest(pictures, height_and_width(image_size), resize, decoder_version()),
        names=names,
        count=len(pictures),
        preparation=prepared_images(image_size, resize),
    )


def _first_of_each(rows, labels, per_class):
    check_count("per_class", per_class)
    classes = [rows[labels[rows] == code] for code in np.unique(labels)]
    fewest = min(map(len, classes))
    if per_class > fewest:
        raise ValueError(
            "per_class must not exceed the training examples of any class. "
            f"Received: per_class={per_class}, and a class with {fewest}. "
            "Ask for fewer, or lower val."
        )
    kept = np.concatenate([some[:per_class] for some in classes])
    return rows[np.isin(rows, kept)]


_CATEGORIES = {
    "animal": (
        "dog cat horse cow pig sheep goat chicken duck goose bird eagle hawk owl crow pigeon "
        "penguin fish shark whale dolphin salmon trout tuna cod bear wolf fox lion tiger "
        "elephant monkey rabbit mouse rat deer elk moose buffalo bull"
    ),
    "food": (
        "bread cheese butter milk cream egg eggs meat beef pork bacon ham sausage soup salad "
        "rice pasta noodles pizza sandwich burger potato potatoes tomato tomatoes onion onions "
        "garlic pepper carrots beans corn wheat flour sugar salt honey chocolate cake cookies"
    ),
    "body part": (
        "head face eye eyes ear ears nose mouth tongue teeth tooth lip lips chin cheek neck "
        "throat shoulder shoulders arm arms elbow wrist hand hands finger fingers thumb chest "
        "breast stomach belly back spine rib ribs hip leg legs thigh"
    ),
    "profession": (
        "doctor nurse surgeon dentist teacher professor lawyer attorney judge engineer "
        "architect carpenter mechanic farmer fisherman butcher baker chef cook waiter waitress "
        "driver pilot sailor soldier policeman firefighter journalist reporter editor writer "
        "novelist poet actor actress singer musician painter sculptor photographer"
    ),
    "disease": (
        "cancer diabetes asthma pneumonia tuberculosis malaria cholera influenza flu smallpox "
        "polio hepatitis aids hiv leukemia tumor stroke alzheimer parkinson autism depression "
        "schizophrenia arthritis obesity fever cough infection infections disease diseases "
        "illness syndrome cold sars anthrax plague dengue ebola anxiety diarrhea"
    ),
    "sport": (
        "football soccer baseball basketball hockey tennis golf cricket rugby volleyball "
        "handball rowing sailing boxing wrestling judo karate fencing archery gymnastics "
        "athletics cycling skiing skating surfing diving badminton squash softball lacrosse "
        "polo bowling chess marathon weightlifting sumo racing nascar equestrian curling"
    ),
    "music": (
        "guitar piano violin cello viola flute trumpet saxophone drums drum bass harp organ "
        "keyboards percussion vocals horn jazz blues rock pop reggae disco techno punk opera "
        "symphony concerto ballad hymn folk funk soul rap tango orchestra choir quartet trio "
        "melody"
    ),
    "vehicle": (
        "car cars truck trucks bus buses van taxi cab motorcycle bicycle bike train trains "
        "locomotive tram subway ship ships boat boats ferry yacht submarine canoe raft barge "
        "tanker freighter airplane plane planes jet jets helicopter helicopters balloon "
        "spacecraft shuttle tractor"
    ),
    "clothing": (
        "shirt shirts pants jeans trousers skirt dress dresses coat jacket sweater suit suits "
        "tie hat cap helmet gloves glove scarf socks shoe shoes boots belt underwear bra gown "
        "uniform uniforms vest shorts veil mask jewelry ring watch sunglasses hood costume"
    ),
    "building": (
        "house home apartment cottage cabin hut tent castle palace mansion villa church "
        "cathedral chapel mosque temple synagogue monastery school college university library "
        "museum theater theatre cinema hospital clinic hotel motel inn restaurant cafe bar pub "
        "factory warehouse mill barn shed"
    ),
    "family": (
        "mother father parent parents son daughter brother sister brothers sisters sibling "
        "siblings grandmother grandfather grandson granddaughter grandchildren uncle aunt "
        "nephew niece cousin cousins husband wife spouse bride groom widow twin twins baby "
        "infant child children kid kids boy girl teenager"
    ),
    "science": (
        "physics chemistry biology mathematics algebra geometry statistics astronomy geology "
        "geography genetics ecology anatomy physiology medicine psychology sociology "
        "anthropology archaeology linguistics philosophy logic economics history engineering "
        "surgery psychiatry nursing mechanics electronics literature humanities computing "
        "architecture agriculture biotechnology journalism"
    ),
    "material": (
        "iron steel copper silver gold zinc tin aluminum nickel platinum uranium plutonium "
        "mercury sodium potassium calcium oxygen hydrogen nitrogen carbon sulfur silicon glass "
        "plastic rubber wood paper concrete cement brick stone marble granite clay sand gravel "
        "coal diamond diamonds crystal"
    ),
    "country": (
        "france germany italy spain portugal england ireland scotland wales belgium netherlands "
        "luxembourg switzerland austria denmark sweden norway finland iceland poland hungary "
        "romania bulgaria greece russia ukraine belarus estonia latvia lithuania serbia croatia "
        "slovenia slovakia bosnia macedonia albania china japan korea"
    ),
    "city": (
        "london paris berlin rome madrid lisbon vienna prague budapest warsaw moscow kiev "
        "athens istanbul cairo baghdad tehran jerusalem damascus beirut kabul delhi mumbai "
        "calcutta karachi beijing shanghai tokyo osaka seoul bangkok hanoi jakarta manila "
        "sydney melbourne toronto montreal vancouver chicago"
    ),
    "us state": (
        "alabama alaska arizona arkansas california colorado connecticut delaware florida "
        "georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland "
        "massachusetts michigan minnesota mississippi missouri montana nebraska nevada ohio "
        "oklahoma oregon pennsylvania tennessee texas utah vermont virginia wisconsin wyoming"
    ),
    "first name": (
        "john james william robert michael david richard thomas charles george joseph edward "
        "henry peter paul mark andrew stephen steven daniel kevin brian jason jeffrey ronald "
        "anthony matthew gary timothy jose larry frank scott eric gregory joshua jerry dennis "
        "walter patrick"
    ),
    "surname": (
        "smith johnson williams brown jones miller davis wilson anderson taylor moore thompson "
        "garcia martinez robinson lopez gonzalez hernandez nelson mitchell perez roberts turner "
        "phillips campbell parker evans edwards collins rodriguez morris rogers reed cooper "
        "richardson cox howard ward peterson ramirez"
    ),
    "woman's name": (
        "mary patricia linda barbara elizabeth jennifer maria susan margaret dorothy lisa nancy "
        "karen betty helen sandra donna carol ruth sharon michelle laura sarah kimberly deborah "
        "jessica cynthia angela melissa brenda amy anna rebecca kathleen pamela martha amanda "
        "stephanie christine marie"
    ),
    "nationality": (
        "french german italian spanish portuguese english irish scottish welsh belgian dutch "
        "swiss austrian danish swedish norwegian finnish polish hungarian romanian bulgarian "
        "greek turkish russian ukrainian belarusian estonian latvian lithuanian serbian "
        "croatian slovenian slovak bosnian macedonian albanian chinese japanese korean indian"
    ),
    "feeling": (
        "happy sad angry afraid scared proud ashamed jealous lonely anxious nervous worried "
        "calm relaxed excited bored tired confused surprised shocked disappointed frustrated "
        "grateful hopeful desperate depressed miserable delighted pleased upset furious "
        "embarrassed guilty curious confident enthusiastic annoyed amazed thrilled satisfied"
    ),
    "crime": (
        "murder theft robbery burglary fraud rape assault kidnapping arson bribery corruption "
        "extortion blackmail smuggling trafficking espionage treason terrorism genocide torture "
        "manslaughter homicide forgery perjury conspiracy piracy vandalism looting abduction "
        "hijacking bombing shooting stabbing embezzlement racketeering laundering harassment "
        "abuse violence battery"
    ),
    "religion": (
        "christian christianity catholic protestant orthodox anglican baptist methodist "
        "lutheran presbyterian evangelical jewish judaism muslim islam sunni shiite hindu "
        "buddhist buddhism sikh mormon bible koran gospel scripture prayer prayers worship "
        "sermon mass communion confession sin salvation heaven hell angel angels devil"
    ),
    "weapon": (
        "gun guns rifle rifles pistol shotgun knife knives sword swords spear axe bow arrow "
        "arrows bomb bombs grenade grenades mine mines missile missiles rockets torpedo mortar "
        "mortars artillery cannon cannons ammunition bullet bullets shells warhead warheads "
        "explosives dynamite tank tanks"
    ),
    "number": (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy "
        "eighty ninety hundred thousand million billion trillion dozen half quarter third "
        "fourth fifth sixth"
    ),
    "time": (
        "minute minutes hour hours day days week weeks weekend month months year years decade "
        "decades century centuries monday tuesday wednesday thursday friday saturday sunday "
        "january february april may june july august september october november december summer "
        "autumn winter morning noon"
    ),
    "motion": (
        "walk run jump climb crawl swim ride sail hop dance slide slip fall rise roll spin turn "
        "rush hurry chase flee escape wander stroll hike travel enter leave arrive depart "
        "approach return cross descend dive leap skip drift float dash"
    ),
    "speaking": (
        "said told asked replied answered explained announced declared stated claimed argued "
        "insisted suggested mentioned remarked commented admitted denied confessed confirmed "
        "promised warned threatened complained protested shouted yelled screamed spoke talked "
        "discussed debated lectured preached narrated quoted questioned demanded requested "
        "urged"
    ),
    "landscape": (
        "mountain mountains hill hills valley valleys canyon cliff cliffs plain plains plateau "
        "desert forest forests jungle swamp marsh wetlands meadow field fields river rivers "
        "stream streams creek lake lakes pond sea ocean bay gulf strait beach coast shore "
        "island islands"
    ),
    "computing": (
        "computer computers laptop software hardware monitor printer server servers network "
        "networks internet web website websites browser email database file files program "
        "programs code algorithm processor processors chip chips memory disk modem linux "
        "macintosh desktop download online user users interface hacker"
    ),
    "finance": (
        "banks loan loans mortgage mortgages credit debt debts interest bond bonds stock stocks "
        "share shares shareholder shareholders dividend dividends investor investors investment "
        "investments fund funds portfolio asset assets equity profit profits revenue revenues "
        "earnings loss losses tax taxes budget deficit"
    ),
    "plant": (
        "tree trees oak pine maple birch cedar willow palm bamboo ash cypress grass moss shrubs "
        "bush flower flowers roses lily orchid daisy violet lotus ivy vine vines weed weeds "
        "herb herbs mint basil sage leaf leaves root roots branch branches"
    ),
    "politics": (
        "president minister senator senators governor mayor congressman lawmaker lawmakers "
        "parliament congress senate premier chancellor election elections vote votes voter "
        "voters ballot campaign candidate candidates party parties coalition opposition "
        "democrat democrats republican republicans liberal liberals conservative conservatives "
        "socialist communist constitution legislation"
    ),
    "furniture": (
        "table tables chair chairs desk sofa couch bed beds blanket blankets lamp lamps mirror "
        "curtain carpet shelf shelves closet wardrobe refrigerator stove oven microwave kitchen "
        "bathroom bedroom sink toilet shower door doors window floor ceiling wall walls roof "
        "stairs basement"
    ),
}


def word_categories() -> dict[str, tuple[str, ...]]:
    """Give 34 categories of 37 to 40 words each, all of which the bundled GloVe vectors hold.

    The lists are our own. Each word is in one category only; words that fit two were left out.

    Returns:
        Category -> words.

    Example:
        >>> categories = word_categories()
        >>> len(categories), categories["number"][:3]
        (34, ('zero', 'one', 'two'))
    """
    return {name: tuple(words.split()) for name, words in _CATEGORIES.items()}
