// A former address leads on to the place on the page that was asked for, else to where its text is now.
const { href } = document.querySelector("a");
location.replace(location.hash ? href.split("#")[0] + location.hash : href);
