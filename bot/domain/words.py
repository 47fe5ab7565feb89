"""The catalogue: codes in, sentences out. Codes inside, words at the edge; no other file holds a sentence for a person.

A sentence says what happened and what to do next. What it cost is said by `money_line`, from the rows, never guessed.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from bot.domain.reasons import Argument, Reason

SENTENCES: Final[Mapping[str, str]] = {
    # --- files -----------------------------------------------------------------------------------------------------
    "file-too-large": "“{name}” is {size}, over the limit of {limit} per file. Attach a smaller version.",
    "source-not-allowed": "“{name}” does not come from Discord's own file servers, so it was not fetched. "
    "Attach the file itself.",
    "source-gone": "“{name}” is no longer at Discord (deleted or expired). Attach it again.",
    "source-unavailable": "“{name}” could not be fetched from Discord just now. Try again in a minute.",
    "file-not-media": "“{name}” is not a picture, video or sound: its content is {found}. "
    "Attach a {accepted} file, or take this one out.",
    "format-not-accepted": "“{name}” is {found}; the model takes {accepted} as {kind}. "
    "Convert it and attach it again, or take it out.",
    "file-unreadable": "“{name}” says it is {found} but could not be read: the file is damaged or incomplete. "
    "Save it anew and attach it again.",
    "not-conformed": "“{name}” could not be made into a file that the model takes. Convert it and attach it again, "
    "or take it out.",
    "media-too-heavy": "“{name}” takes too much work to open ({limit}). Attach a smaller or shorter version.",
    "clip-does-not-fit": "“{name}” could not be made to fit into {limit}. "
    "Ask for a shorter video or a lower resolution.",
    "file-too-large-for-model": "“{name}” is {size}; the model takes at most {limit} per {kind}. Attach "
    "a smaller version.",
    "format-not-accepted-now": "“{name}” is {found}; the model now takes {accepted} as {kind}. "
    "Attach it again: it is then made to fit, if it can be. Or take it out.",
    "file-too-large-now": "“{name}” is {size}; the model now takes at most {limit} per {kind}. "
    "Attach it again: it is then made to fit, if it can be. Or take it out.",
    "frame-too-small-now": "“{name}” is {width}×{height}; the model now needs at least {limit} pixels a frame. "
    "Attach it again: it is then made to fit, if it can be. Or take it out.",
    "frame-too-large-now": "“{name}” is {width}×{height}; the model now takes at most {limit} pixels a frame. "
    "Attach it again: it is then made to fit, if it can be. Or take it out.",
    "kind-too-large-together": "Your {kind} files are {size} together; the model takes at most {limit}. "
    "Take one out or shrink them.",
    "kind-too-long-together": "Your {kind} files last {seconds} s together; the model takes at most {limit} s. "
    "Shorten them or take one out.",
    "kind-too-short-together": "Your {kind} files last {seconds} s together; the model needs at least {limit} s. "
    "Attach a longer one.",
    "frame-too-small": "“{name}” is {width}×{height}; the model needs at least {limit} pixels a frame "
    "(such as 640×640). Attach a larger version.",
    "frame-too-large": "“{name}” is {width}×{height}; the model takes at most {limit} pixels a frame "
    "(such as 834×1112). Attach a smaller version.",
    "too-many-of-kind": "You attached {count} {kind} files ({names}); the model takes at most {limit}. "
    "Take {surplus} out.",
    "too-many-references": "You attached {count} files ({names}); the model takes at most {limit} in all. "
    "Take {surplus} out.",
    "file-empty": "“{name}” is empty. Attach it again.",
    "file-is-playlist": "“{name}” is no media but a list of addresses ({found}), which is never followed. "
    "Attach the file itself.",
    "file-is-program": "“{name}” is a program, not a picture, video or sound. Take it out.",
    "file-is-archive": "“{name}” is an archive. Unpack it and attach the pictures, videos or sounds themselves.",
    "file-points-elsewhere": "“{name}” takes parts of itself from other files or addresses, which is never followed. "
    "Save it as one complete file and attach that.",
    "file-cut-off": "“{name}” ends too early: part of it is missing. Attach it again, or save it anew first.",
    "format-unsupported": "“{name}” is {found}, which cannot be used. Save it as {accepted} and attach that.",
    "too-many-pixels": "“{name}” claims more pixels than any file here may have. Attach a smaller version.",
    "metadata-too-large": "“{name}” carries more hidden data than any honest file. Save it anew and attach that.",
    "picture-too-small": "“{name}” is {width}×{height}; a picture needs at least {limit} pixels on each side. "
    "Attach a larger version.",
    "picture-too-narrow": "“{name}” is {width}×{height}, too long and narrow: at most {limit} times as long as wide. "
    "Crop it and attach that.",
    "sound-too-short": "“{name}” lasts less than {limit} s, too short to be used. Attach a longer one.",
    "kind-not-accepted": "“{name}” is {kind}, which this model does not take. Take it out.",
    "audio-needs-visual": "Sound alone ({names}) is not enough: the model needs at least one image or video beside it. "
    "Add one.",
    "same-file-twice": "“{name}” has the same content as “{other}”, so both are {token}.",
    "converted": "“{name}” was made to fit: {changes}.",
    "tidied": "“{name}” was tidied: {changes}.",
    "sticker-not-a-picture": "The sticker “{name}” is an animation without pictures (Lottie), which cannot be used. "
    "Attach a picture instead.",
    "files-withdrawn": "“{name}” was taken back by the person who posted it. Go on without it, or with another file.",
    "files-forbidden": "“{name}” belongs to somebody who does not allow others to use their files. "
    "Go on without it, or with a file of your own.",
    "avatar-forbidden": "The avatar of “{name}” cannot be used: that person does not allow it "
    "(they can, with `/privacy references`).",
    "avatar-taken-back": "“{name}” stands in the prompt for somebody who does not allow their avatar any more. "
    "Ask once more: then their name stands there.",
    "clip-owner-unknown": "“{name}” was posted by this bot, but for whom cannot be told, so nobody can be asked "
    "whether it may be used. Go on without it, or with a file of your own.",
    "face-needs-url": "“{name}” shows a real person, and the model takes such files by address only, which this bot "
    "cannot give. Ask the bot's operator to set a staging channel.",
    # --- what becomes of a file ------------------------------------------------------------------------------------
    "used-as-it-is": "“{name}” can be used as it is.",
    "used-after-change": "“{name}” can be used after a change: {changes}.",
    "remark-upscaled": "It is smaller than the model takes, so it will look soft.",
    "remark-salvaged": "It is damaged or incomplete; what can be read of it is used.",
    "remark-short": "It is shorter than the model takes by itself; add another of its kind.",
    "remark-mislabelled": "Its name's ending does not say what it is: it is {format}.",
    "set-usable": "{usable} of {count} files can be used together, {changed} of them after a change.",
    "set-unusable": "None of these files can be used.",
    "path-missing": "There is no file “{name}”.",
    "path-not-a-file": "“{name}” is not a file. Name the files themselves.",
    "path-unreadable": "“{name}” cannot be read: {why}.",
    # --- drafts, trays and what is free ----------------------------------------------------------------------------
    "draft-changed": "The draft was changed since this was shown. Look at it again: `/video drafts`.",
    "draft-over": "This draft is over: it was discarded, not confirmed in time, or could not be prepared. "
    "Nothing more comes of it.",
    "draft-confirmed": "This draft was confirmed. What becomes of it is on its card in the channel, with Cancel "
    "as long as it can be stopped.",
    "draft-posted-in": "The video will be posted in <#{channel}>.",
    "part-not-a-moment": "“{text}” is no moment of a file. Write seconds, such as 12 or 12.5, or minutes and seconds, "
    "such as 0:12 or 1:02.5.",
    "part-moment-missing": "From which second on? Write it into “From second”, such as 12 or 1:02.5.",
    "part-beyond-end": "“{name}” lasts {seconds} s, so no part of it begins at {text}. Choose an earlier moment.",
    "draft-not-yours": "Only the person who asked can see, change or confirm this draft.",
    "draft-preparing": "The files of this draft are still being looked at. Try again in a moment.",
    "draft-expired": "The draft was not confirmed in time, so it was dropped. Ask again.",
    "draft-waits": "your draft was prepared, but its answer to you was lost in a restart of the bot. "
    "Press the button to see where it stands, or use `/video drafts`.",
    "not-here": "That request was made in another server, so it cannot be used here.",
    "nothing-to-use": "There is nothing in that message that could be used as a reference: "
    "no file, sticker or picture.",
    "alias-not-a-name": "“{name}” cannot be used as a name: it must be one word of at most {limit} letters, digits, "
    "hyphens or underscores.",
    "alias-taken": "“{name}” is already the name of {token}. Choose another one.",
    "no-such-file": "There is no file #{number}; the last one is #{count}.",
    "tray-empty": "Your tray in this channel is empty. Choose “Add to tray” on a message with files.",
    "tray-full": "A tray holds at most {limit} files and yours would have {count}. Take some out with `/tray remove`.",
    "trays-full": "Your trays in this server hold {count} files together; at most {limit} fit. "
    "Empty one with `/tray clear`.",
    "guild-trays-full": "The trays of this server are full ({limit} files together). "
    "They empty themselves in time; attach the files to `/video make` directly meanwhile.",
    "tray-used": "{count} files from your tray; they stay in it until it expires or you use `/tray clear`.",
    "tray-used-one": "One file from your tray; it stays in it until it expires or you use `/tray clear`.",
    "tray-how": "`/video make` without a file takes what is in here. It stays here until it expires or you use "
    "`/tray clear`.",
    "no-drafts": "No draft of yours is waiting in this server. `/video make` starts one.",
    "draft-mentions-removed": "Where the prompt mentions it, its name will stand as plain words. "
    "Every other mention goes on meaning the same file.",
    "draft-mentions-moved": "The prompt is rewritten so that every mention goes on meaning the same file.",
    "stopped-none": "No waiting request was affected.",
    "stopped-one": "One waiting request that used such a file is stopped, and its person is told.",
    "stopped-many": "{count} waiting requests that used such files are stopped, and their people are told.",
    "privacy-files-allowed": "Others may use the files of your messages here as references.",
    "privacy-files-forbidden": "Others may not use the files of your messages here.",
    "privacy-avatar-allowed": "Others who mention you in a prompt here may use your avatar as a picture.",
    "privacy-avatar-forbidden": "Nobody else may use your avatar here.",
    "privacy-rules": "A “forbidden” in either place wins, and an avatar is used only where you allowed it. "
    "Your own requests may use what is yours, unless you took it back. "
    "Change it with `/privacy references`; to take back the files of "
    "one message, choose “Take back my files” in its menu.",
    "drafts-by-default": "Whether a draft's card is shown is this bot's default.",
    "drafts-always": "Every request waits until its person has confirmed the card of its draft.",
    "drafts-when-needed": "The card of a draft is shown when something is to be said: a finding, a file refused or "
    "changed, or a price above {limit} (or not known). Otherwise the request goes straight into line.",
    "free-person-files": "With these you would have had more files looked at today than is free ({limit} a day). "
    "The count starts anew <t:{resets_at}:R>.",
    "free-person-bytes": "With these you would have had more fetched today than is free ({limit} a day). "
    "The count starts anew <t:{resets_at}:R>.",
    "free-guild-files": "With these, this server would have had more files looked at today than is free "
    "({limit} a day). The count starts anew <t:{resets_at}:R>.",
    "free-guild-bytes": "With these, this server would have had more fetched today than is free ({limit} a day). "
    "The count starts anew <t:{resets_at}:R>.",
    "animatic-drawn": "Drawn by this bot from the files and the prompt, not by the model: it shows what is used, in "
    "which order and for how long, not what the video will look like. Nothing was ordered and nothing was paid.",
    "animatic-not-posted": "The free draft was drawn, but Discord did not take it. It counts towards today's free "
    "drafts all the same. Try again in a minute.",
    "animatic-not-drawn": "The free draft could not be drawn just now. It counts towards today's free drafts all the "
    "same. Try again in a minute.",
    "animatic-counted": "The free draft that was not drawn counts towards today's all the same.",
    "animatic-being-drawn": "A free draft of yours is being drawn already. It comes here when it is done; then press "
    "again.",
    "nothing-to-draw": "There is nothing to draw a free draft from: the draft has no file that may be shown and is "
    "still there.",
    "free-person-animatics": "You have had as many free drafts drawn today as there are ({limit} a day). Confirm the "
    "request without one, or try again when the count starts anew <t:{resets_at}:R>.",
    "free-guild-animatics": "This server has had as many free drafts drawn today as there are ({limit} a day). Confirm "
    "the request without one, or try again when the count starts anew <t:{resets_at}:R>.",
    "too-many-drafts": "As many drafts as this server may have at once ({limit}) wait for their people. "
    "Try again in a while.",
    "too-many-own-drafts": "{count} of the {limit} requests and drafts that you may have here are waiting already. "
    "Discard a draft (`/video drafts`), or wait for a request to start.",
    "withdraw-not-yours": "Only the person who posted a message can take its files back.",
    "withdrawn-own": "Its files will not be used in any video that has not been ordered yet.",
    "take-back-means": "From then on nobody can use them as references, you neither; copies in drafts and trays count "
    "as well, and waiting requests that use them are stopped. Videos that are ordered already go on. "
    "It cannot be undone. To leave everything as it is, dismiss this message.",
    "publisher-too-large": "“{name}” is {size}; this bot can hand the model files of at most {limit}. "
    "Attach a smaller version, or ask the bot's operator for a larger way to publish references.",
    "publisher-missing": "“{name}” cannot be handed to the model: this bot has no staging channel, and "
    "without one only "
    "images up to {limit} can be sent. Ask the bot's operator to set one.",
    "publisher-refused": "Discord does not let this bot put references into its staging channel. Tell the "
    "bot's operator; then try again.",
    "bytes-gone": "“{name}” is no longer held by this bot. Attach it again.",
    "plan-changed": "What the model takes has changed since this was confirmed, so its files would not become what was "
    "shown. “Again” shows what they would become now.",
    # --- the prompt ------------------------------------------------------------------------------------------------
    "empty-prompt": "The prompt is empty. Say what should happen in the video.",
    "prompt-too-long": "The prompt has {count} characters; at most {limit} fit. Shorten it.",
    "unknown-reference": "“{mention}” points to nothing. {existing}{nearest}",
    "existing-nothing": "Nothing is attached.",
    "existing-of-kind": "Attached as {kind} ({count}): {references}.",
    "existing-references": "Attached ({count}): {references}.",
    "nearest-references": " Did you mean {references}?",
    "ambiguous-reference": "“{mention}” could be {candidates}. Write the number you mean.",
    "unused-reference": "{token} ({name}) is attached but the prompt does not mention it.",
    "no-reference-mentioned": "The prompt mentions none of the attached files.",
    "loose-mention-unresolved": "“{mention}” was left as text: it does not clearly point to a file.",
    "name-shadowed": "“{mention}” means {token}, not the file “{name}”; write “{instead}” for the file.",
    "mention-replaced": "“{mention}” was replaced by “{replacement}”.",
    # --- may I -----------------------------------------------------------------------------------------------------
    "missing-permissions": "I lack permissions in this channel: {permissions}. "
    "Ask a moderator to grant them, then try again.",
    "person-quota": "You have used {used} of your {limit} takes today and asked for {asked}. "
    "More are free <t:{resets_at}:R>.",
    "guild-quota": "This server has used {used} of its {limit} takes today and you asked for {asked}. "
    "More are free <t:{resets_at}:R>.",
    "lane-person-busy": "Its person has as many requests under way here as may be at once ({running} of {limit}). "
    "The next starts when one of them ends.",
    "lane-guild-busy": "This server has as many requests under way as may be at once ({running} of {limit}). "
    "The next starts when one of them ends.",
    "lane-bot-busy": "The bot has as many requests under way as it takes on at once ({running} of {limit}). "
    "The next starts when one of them ends.",
    "lane-paused": "The line of this server is paused: nothing starts until an admin lets it go on.",
    "lane-not-before": "It was asked for later: it takes its place in the line <t:{at}:R>.",
    "standing-one": "{name} has {count} before {mine}.",
    "standing-each": "{names} each have {count} before {mine}.",
    "standing-together": "{names} have {count} together before {mine}.",
    "standing-own": "Yours before it: {count}.",
    "standing-far": "Its place in line is more than {limit}.",
    "queue-empty": "Nothing is waiting here.",
    "queue-more": "Only the first {limit} are shown; the place of whatever comes after them is more than {limit}.",
    "queue-yours-further": "Of yours, {count} more wait further back: their place is more than {limit}.",
    "settings-unchanged": "Nothing was changed: it is so already.",
    "settings-nothing": "Nothing is set here.",
    "settings-no-changes": "Nothing was changed yet.",
    "settings-numbers-how": "Write a number, or “none” to leave it to this bot's default. It holds from the next "
    "request on. Of several roles the most generous counts.",
    "settings-order-how": "A role of weight 2 has two turns where others have one; priority goes before fairness, in "
    "this server only. Of several roles the highest counts.",
    "settings-access-how": "What is denied wins; as long as none is allowed, all are that are not denied. "
    "A channel stands for its threads too.",
    "settings-time-how": "Days, weeks and months of quotas and budgets begin and end there.",
    "ceiling-most": "you set {wanted}; this bot's operator allows at most {limit}.",
    "ceiling-least": "you set {wanted}; this bot's operator asks for at least {limit}.",
    "not-a-limit": "“{text}” is no limit. Write a whole number from 0 to {most}, or “none” to leave it to this bot's "
    "default.",
    "not-a-budget": "“{text}” is no sum of money. Write US dollars such as 25 or 12.50, at most {most}, or “none” to "
    "leave it to this bot's default.",
    "quota-incomplete": "To set a quota say all of it: `unit`, `span` and `limit`, and for whom (`role`, or `scope`).",
    "order-incomplete": "A weight or a priority is a role's: say which with `role`. To take both away, say `forget` "
    "alone with it.",
    "access-incomplete": "Say what is to be done with whom: `action` allow, deny or forget with a `role` or a "
    "`channel`, block with a `person` and `why`, or unblock with a `person`.",
    "ledger-sent": "The ledger's lines of that month are attached, for your eyes only.",
    "ledger-too-large": "That month's ledger is {size}, more than Discord takes ({limit}). The bot's operator can "
    "export it: `rushes ledger export`.",
    "too-many-waiting": "You already have {count} requests waiting here; at most {limit} may. "
    "Wait for one to start, or cancel one.",
    "blocked": "You may not ask for videos in this server: {why}. Ask its moderators.",
    "blocked-until": "You may not ask for videos in this server before <t:{resets_at}:f>: {why}. "
    "Ask its moderators, or come back then.",
    "blocked-anywhere": "You may not ask this bot for videos: {why}. Ask the bot's operator.",
    "blocked-anywhere-until": "You may not ask this bot for videos before <t:{resets_at}:f>: {why}. "
    "Ask the bot's operator, or come back then.",
    "role-denied": "With the role <@&{role}> you may not ask for videos here. Ask an admin of this server.",
    "role-needed": "Only people with certain roles, such as <@&{role}>, may ask for videos here. "
    "Ask an admin of this server for one.",
    "channel-denied": "Videos may not be asked for in <#{channel}>. Ask in another channel.",
    "channel-needed": "Videos may be asked for in certain channels only, such as <#{channel}>. Ask there.",
    "person-quota-used": "You have used {used} of your {limit} {unit} a {span} here and asked for {asked}. "
    "More are free <t:{resets_at}:R>.",
    "guild-quota-used": "This server has used {used} of its {limit} {unit} a {span} and you asked for {asked}. "
    "More are free <t:{resets_at}:R>.",
    "person-quota-too-small": "You asked for {asked} {unit}, and at most {limit} a {span} are yours here. "
    "Ask for fewer takes or a shorter video.",
    "guild-quota-too-small": "You asked for {asked} {unit}, and this server has at most {limit} a {span}. "
    "Ask for fewer takes or a shorter video.",
    "person-quota-none": "You may have no {unit} here (your limit a {span} is 0). Ask an admin of this server.",
    "guild-quota-none": "This server may have no {unit} (its limit a {span} is 0). Ask an admin of this server.",
    "cooldown": "Between two of your requests here {seconds} s have to pass. You can ask again <t:{resets_at}:R>.",
    "person-budget-used": "This can cost up to {asked}; of your budget of {limit} a day here, {used} is spent or held. "
    "It is whole again <t:{resets_at}:R>. Nothing has been spent on this.",
    "guild-budget-used": "This can cost up to {asked}; of this server's budget of {limit} a month, {used} is spent or "
    "held. It is whole again <t:{resets_at}:R>. Nothing has been spent on this.",
    "person-budget-too-small": "This can cost up to {asked}, more than your whole budget of {limit} a day here. "
    "Ask for fewer takes, a shorter video or a lower resolution. Nothing has been spent on this.",
    "guild-budget-too-small": "This can cost up to {asked}, more than this server's whole budget of {limit} a month. "
    "Ask for fewer takes, a shorter video or a lower resolution. Nothing has been spent on this.",
    "person-budget-over": "Your budget of {limit} a day here is used up: {used} is spent or held. "
    "It is whole again <t:{resets_at}:R>. Nothing has been spent on this.",
    "guild-budget-over": "This server's budget of {limit} a month is used up: {used} is spent or held. "
    "It is whole again <t:{resets_at}:R>. Nothing has been spent on this.",
    "price-unknown": "What this would cost is not known: the video service names no price, so nothing was ordered and "
    "nothing has been spent. Try again later, or ask the bot's operator.",
    "only-in-servers": "This works in servers only. Use it in one where this bot is.",
    "server-not-known-yet": "Who moderates this server is not known to this bot yet, so nothing was cancelled. "
    "Try again in a moment.",
    "guild-not-served": "This bot does not serve this server: its operator has not listed it. "
    "Ask the bot's operator to add the server {guild}.",
    "parameter-not-offered": "{name} “{value}” is not offered by the model. It offers: {choices}.",
    # --- what admins set -------------------------------------------------------------------------------------------
    "time-zone-unknown": "“{name}” is no time zone that I know. Write one such as {nearest}.",
    "setting-out-of-range": "{name} can be from {least} to {most}, not {value}. Nothing was changed.",
    "too-many-set": "{name} can be set for at most {limit}, not for {count}. Take some out first.",
    "block-yourself": "You cannot block yourself.",
    "block-without-reason": "Say why: the person is told the reason, and it is kept.",
    "block-reason-too-long": "The reason has {count} characters; at most {limit} fit. Shorten it.",
    "block-is-over": "That block would be over already. Give a later end, or none.",
    "not-blocked": "That person is not blocked in this server.",
    "not-a-month": "“{text}” is no month. Write year and month, such as {example}.",
    # --- money -----------------------------------------------------------------------------------------------------
    "price-and-month": "Costs at most {price}; {left} of this month's {limit} left in this server.",
    "price-and-day": "Costs at most {price}; {left} of your {limit} for today left.",
    "price-and-both": "Costs at most {price}; {left} of this month's {limit} left in this server, "
    "and {day_left} of your {day_limit} for today.",
    "budget-taken": "Another request has just taken what was left of the budget, so this one was not started. "
    "`/quota` shows what is left.",
    "money-held": "{held} is reserved for it.",
    "money-all-back": "Nothing was spent; all of the {held} reserved for it was given back.",
    "money-rest-back": "It cost {spent}; the other {back} reserved for it was given back.",
    "money-above": "It cost {spent}, {more} more than was reserved for it.",
    "money-so-far": "{spent} was spent so far.",
    "money-unknown": "What it cost is not known yet; {held} stays reserved until the video service says.",
    "money-unknown-unpriced": "What it cost is not known yet, and nothing is reserved for it, because no price was "
    "known.",
    "money-more": "That is {more} more than was reserved for it.",
    "money-back": "{back} was given back.",
    # --- the ledger, to its operator -------------------------------------------------------------------------------
    "ledger-balanced": "The ledger is balanced: {lines} lines, {accounts} accounts.",
    "ledger-no-take": "No take {take} has a hold in the ledger: it is misspelt, was accepted before there was one, or "
    "its month has been summed up. Nothing was changed.",
    "ledger-take-goes-on": "Take {take} has not ended, so what it cost cannot be said yet. Nothing was changed.",
    "ledger-already": "Take {take} is settled on {cost} already. Nothing was changed.",
    "ledger-written": "Take {take}: {entry} {amount}, {cause}.",
    "ledger-nothing": "There is no ledger in the database that storage.database_url names; `rushes run` makes it.",
    "ledger-no-request": "Line {line} belongs to no take of a request of its guild and person.",
    "ledger-strange-line": "Line {line} says “{entry} {amount}”, which no line may say.",
    "ledger-holds": "Take {take} has {count} holds instead of one.",
    "ledger-settled-twice": "Take {take} was settled or given back more than once.",
    "ledger-scattered": "The lines of take {take} do not agree in whose they are and when they count.",
    "ledger-release": "Of take {take} {back} was given back; {due} of the {held} that was held should have been.",
    "ledger-adjusted-early": "Take {take} was corrected before it was settled.",
    "ledger-other-cost": "Take {take} cost {cost} by its own row, and {spent} was booked.",
    "ledger-not-settled": "Take {take} ended and its cost is known, but {held} is still held for it.",
    "ledger-settled-early": "Take {take} was settled before it ended.",
    "ledger-held": "The {scope} account {guild}/{person} of {start} holds {held}; by its lines it should hold {due}.",
    "ledger-spent": "The {scope} account {guild}/{person} of {start} has spent {spent}; by its lines that is {due}.",
    # --- the vendor ------------------------------------------------------------------------------------------------
    "vendor-unreachable": "The video service does not answer just now. Try again in a few minutes.",
    "vendor-rate-limited": "The video service asked us to slow down. Try again in a few minutes.",
    "gave-up-vendor": "The video service could not be reached for a long time, so this was given up. Try again later.",
    "vendor-strange": "The video service gave an answer we could not read. The operator can see it under this id.",
    "vendor-key": "The video service refused this bot's key. Tell the bot's operator; then try again.",
    "vendor-credits": "This bot's credit at the video service is used up. Tell the bot's operator; then try again.",
    "vendor-failed": "The video service could not make this video and gave no reason we know. Try "
    "again, or change the prompt.",
    "vendor-cancelled": "The video service stopped this video. Try again.",
    "vendor-lost": "The video service no longer knows this video. The operator can see its id. Try again.",
    "rejected-prompt": "The video service refused the prompt (content rules). Change the wording and try again.",
    "rejected-image": "The video service refused a reference image. Use another image and try again.",
    "rejected-video": "The video service refused a reference video. Use another video and try again.",
    "rejected-audio": "The video service refused the sound. Try with audio off, or without the sound file.",
    "rejected-face": "The video service refused a reference that shows a real person. Use another image and try again.",
    "rejected-copyright": "The video service sees protected material in this request. Change it and try again.",
    "rejected-parameters": "The video service refused the settings ({detail}). Change them and try again.",
    "rejected-content": "The video service refused this request (content rules). Change the prompt or the files and "
    "try again.",
    "outcome-unknown": "The video service took the order but its answer was lost. It is being looked for before "
    "anything is ordered again.",
    "review-ended": "It could not be told within a day whether the video service made this video, so it was given up. "
    "It may have been billed. Ask again if you still want it.",
    "needs-review": "It cannot be told whether the video service started this video. "
    "The operator has to decide; nothing is ordered twice.",
    "deadline-passed": "The video was not ready after {minutes} minutes, so it was stopped. Try again.",
    "deadline-not-stopped": "The video was not ready after {minutes} minutes and the video service did not confirm "
    "that it stopped; it may still be billed. Try again, or ask the operator, who can see it under this id.",
    "result-missing": "The video service says it is done but gave no video. Try again.",
    "result-gone": "The finished video could not be fetched from the video service. The operator can see its id.",
    "result-too-large": "The finished video is larger than this bot fetches ({limit}). The operator can see its id.",
    "result-not-video": "What the video service returned is not a playable video. The operator can see its id.",
    # --- delivery --------------------------------------------------------------------------------------------------
    "clip-gone": "The clip's bytes are missing from this bot's storage, so it cannot be posted. "
    "The operator can see it under this id.",
    "deliver-not-yours": "Only the person who asked, or a moderator, can have this delivered again.",
    "deliver-not-kept": "This request is not waiting to be delivered. Its card says what became of it.",
    "draft-too-old": "The bot was away while this request was being prepared, so it was not started. Ask again.",
    "delivery-forbidden": "Discord does not let me post there. "
    "Give me the permissions to see the channel and its history and to send messages and files.",
    "delivery-too-large": "The files of one message are {size} together, over what this server takes, and could not "
    "be made smaller. The operator can see the video under this id.",
    "card-refused": "Discord does not let me post in this channel, so nothing was started. "
    "Give me the permission to see it and send messages, then try again.",
    "channel-gone": "The channel or thread it belongs into is gone, so it cannot be posted any more. "
    "The operator can see the video under this id.",
    "thread-locked": "The thread is locked. Unlock it.",
    "delivery-refused": "Discord refused the post (its error {error}). The operator can see the video under this id.",
    "deliver-again": "Press “Deliver again” on the card once that is mended.",
    "delivering-again": "It is being posted again.",
    "clip-not-posted": "There is no posted video of that take to go on from.",
    "clip-bytes-gone": "This bot no longer holds that video as it came. “Use as reference”, at the video, takes it "
    "as it was posted.",
    "clip-without-end": "The last frame of that video could not be taken. “Use as reference”, at the video, takes all "
    "of it.",
    "clip-original-kept": "The original is kept until <t:{until}:f>.",
    "clip-otherwise": "“Again” makes a new one, at the price of a new one.",
    "clips-refused": "Not every clip could be posted. The operator can see the missing ones under this id.",
    "discord-unavailable": "Discord does not answer just now. Try again in a minute.",
    # --- us --------------------------------------------------------------------------------------------------------
    "cancelled": "Cancelled by <@{person}>.",
    "cancel-requested": "Being cancelled: the video service was asked to stop.",
    "cancel-before-order": "Being cancelled: it ends after the file that is being made to fit now, if there is one. "
    "Nothing was ordered.",
    "cancel-too-late": "This request has already ended.",
    "cancel-delivering": "It is too late to cancel: the video is done and on its way.",
    "cancel-not-yours": "Only the person who asked, or a moderator, can cancel this request.",
    "request-unknown": "This request is not known any more. Ask for a new video.",
    "internal-error": "Something went wrong on our side. The operator can see it under this id.",
    "storage-unavailable": "The bot's own storage does not answer just now. Try again in a minute.",
    "database-unavailable": "The bot's own database does not answer just now. Try again in a minute.",
    "form-expired": "This form was open for more than an hour, or the bot was restarted meanwhile, so nothing was "
    "done. Open it again where you opened it, at the message.",
    "draft-form-expired": "This form was open for more than an hour, or the bot was restarted meanwhile, so nothing "
    "was changed by it. Open it again from the draft's card: `/video drafts`.",
    "parameter-dropped": "The model has no setting “{name}” now, so it is not sent.",
    "stopping": "The bot is being restarted. Try again in a minute.",
}
"""Code → sentence with the names of its arguments. Tests hold every code used against this table."""

RETIRED: Final = frozenset(
    {
        "converted",
        "file-too-large-for-model",
        "frame-too-small",
        "guild-quota",
        "kind-too-long-together",
        "person-quota",
        "tidied",
    }
)
"""Codes that nothing says any more. Rows of earlier releases have them, and their cards can still be read."""

PHRASES: Final[Mapping[str, str]] = {
    "remux": "put into another container, picture and sound untouched",
    "transcode": "encoded anew",
    "downscale": "made smaller",
    "upscale": "made larger",
    "trim": "cut to the length that fits",
    "loop": "played again until it lasts long enough",
    "strip": "kept without hidden data such as place and time",
    "rotate": "turned upright",
    "tonemap": "brought from HDR to ordinary colours",
    "to_still": "made a still picture",
    "frame_rate": "brought to a usual frame rate",
    "shrink": "made to take fewer bytes",
    "salvaged": "only what can be read of it, because it is damaged or incomplete",
    "new_format": "{found} → {format}",
    "new_size": "{width}×{height} → {new_width}×{new_height}",
    "new_start": "the first {seconds} of {whole} s",
    "new_part": "{seconds} of {whole} s, from second {start} on",
    "new_rate": "{found} → {rate} frames a second",
    "used_part": "seconds {first} to {last} of {whole}",
    "work_seconds": "about {count} s of work",
    "work_minutes": "about {count} min of work",
    "clip_black": "black for {seconds} s",
    "clip_still": "a still picture for {seconds} s",
    "clip_silent": "silent, although sound was asked for",
    "clip_seconds": "{seconds} s long, although {asked} s were asked for",
    "clip_pixels": "{width}×{height}, although {asked} was asked for",
    "clip_smaller": "made smaller to fit here: {size} of {whole}",
}
"""Parts of sentences: what is done to a file, by the step's value, and the same with its figures (`new_…`), and what
is told of a clip that came back (`clip_…`)."""

NOTHING_SPENT: Final = "Nothing was spent."

_CENT, _TEN_CENTS = 10_000, 100_000


def say(reason: Reason) -> str:
    """The sentence of a reason. An unknown code is a defect; it still gives a sentence, with the code."""
    template = SENTENCES.get(reason.code)
    if template is None:
        return f"Something went wrong ({reason.code})."
    return template.format_map(_Arguments(reason.arguments))


def phrase(code: str, **arguments: Argument) -> str:
    """A part of a sentence."""
    return PHRASES[code].format_map(_Arguments(arguments))


def money_line(cost_usd_micros: int | None) -> str:
    """What it cost: the vendor's figure, nothing, or that it is not known yet."""
    if cost_usd_micros is None:
        return "What it cost is not known yet; the video service has not said."
    return NOTHING_SPENT if cost_usd_micros == 0 else f"It cost {dollars(cost_usd_micros)}."


def price_line(price_usd_micros: int | None) -> str:
    """What it can cost at most, before anything is ordered."""
    if price_usd_micros is None:
        return "What it will cost is not known: the video service names no price. Nothing has been spent."
    return f"At most {dollars(price_usd_micros)}. Nothing has been spent."


def dollars(usd_micros: int) -> str:
    """Micro-USD as a person reads them: `$1.21`, `$0.0042` for small sums and `$0.000042` for tiny ones; `-$0.50`."""
    sign, micros = "-" if usd_micros < 0 else "", abs(usd_micros)
    digits = 2 if micros >= _TEN_CENTS or micros == 0 else 4 if micros >= _CENT or micros % 100 == 0 else 6
    return f"{sign}${Decimal(micros).scaleb(-6):.{digits}f}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names in quotes, the last few counted: `“a.png”, “b.png”, “c.png” and 7 more`."""
    shown = ", ".join(f"“{name}”" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def byte_size(byte_count: int) -> str:
    """A size as people read it: `512 B`, `84 kB`, `1.2 MB` (powers of 1,000), and MiB where it is exactly that."""
    if byte_count >= 1 << 20 and byte_count % (1 << 20) == 0:
        return f"{byte_count >> 20} MiB"
    size = float(byte_count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":  # noqa: PLR2004  SI prefixes
            return f"{size:.0f} {unit}" if unit in {"B", "kB"} else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


class _Arguments(dict[str, Argument]):
    """Fills a missing argument with its own name instead of failing in front of a person."""

    def __init__(self, arguments: Mapping[str, Argument]) -> None:
        super().__init__(arguments)

    def __missing__(self, key: str) -> str:
        return f"({key})"
