"""Words that everybody can sort: categories of common English words, for small tasks."""

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
